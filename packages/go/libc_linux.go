//go:build cgo && !musl && !android

package knocker

// A library for one C library cannot be loaded into a program of the other; said while building, and not by a riddle of the loader.

/*
#include <features.h>
#ifndef __GLIBC__
#error "this C library is not glibc. On Alpine, and wherever else it is musl, build with: go build -tags musl"
#endif
*/
import "C"
