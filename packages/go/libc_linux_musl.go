//go:build linux && cgo && musl

package knocker

/*
#include <features.h>
#ifdef __GLIBC__
#error "this C library is glibc: build without -tags musl"
#endif
*/
import "C"
