package knocker

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Error is every error of this package. Its Code is stable; [errors.Is] compares it with the Err… values, of which some stand for a family.
type Error struct {
	// Code names the kind: "busy", "unknown_endpoint" and so on.
	Code string
	// Message says what was wrong, and where.
	Message string
	// Retryable says whether the same call may succeed later.
	Retryable bool
	// Hint says what the person who reads the error can do.
	Hint string

	family string
	cause  error
}

// Error gives the message with its code. One of [ErrSetup] mostly ends a program before it has begun, where nobody looks at Hint: its text ends with it.
func (e *Error) Error() string {
	text := "knocker: " + e.Code + ": " + e.Message
	if e.family == "setup" && e.Hint != "" {
		text = strings.TrimSuffix(text, ".") + ". " + e.Hint
	}
	return text
}

// Unwrap gives the driver's error, where there is one.
func (e *Error) Unwrap() error { return e.cause }

// Is says whether target stands for this error's code or for its family.
func (e *Error) Is(target error) bool {
	var other *Error
	if !errors.As(target, &other) || other.Message != "" {
		return false
	}
	return other.Code == e.Code || other.Code == e.family
}

// facts are what is known of a code.
type facts struct {
	family    string
	retryable bool
	hint      string
}

// newError makes the error of a code. A code that this version does not know has no family and no hint.
func newError(code, message string, cause error) *Error {
	facts := factsOf(code)
	return &Error{Code: code, Message: message, Retryable: facts.retryable, Hint: facts.hint, family: facts.family, cause: cause}
}

func usage(format string, arguments ...any) *Error {
	return newError("usage", fmt.Sprintf(format, arguments...), nil)
}

var named = regexp.MustCompile(`(?s)knocker: ([a-z_]+): (.*)`)

// errorFromSQLite makes an error of SQLite's: the text of the extension carries its code, anything else has only a result code.
func errorFromSQLite(resultCode int, text string, cause error) *Error {
	if found := named.FindStringSubmatch(text); found != nil {
		return newError(found[1], found[2], cause)
	}
	return newError(codeOfResult(resultCode&0xff), text, cause)
}

// codeOf gives the code of a Knocker error, and the empty text of any other.
func codeOf(err error) string {
	var known *Error
	if errors.As(err, &known) {
		return known.Code
	}
	return ""
}
