// Wine 8 has no bcryptprimitives.dll, from which Rust's standard library gets random bytes. Windows' own exports this one function, as this does. For tests alone.
#include <windows.h>

BOOLEAN WINAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
  return SystemFunction036(buffer, (ULONG)length);
}
