package knocker

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"
)

// longestRetry is what retry_after_s of the SQL contract takes.
const longestRetry = 30 * 24 * time.Hour

// Decision is what a handler can say besides "handled" and "failed": an error that [RetryAfter], [Ignore] or [Dead] made. What the handler wrote
// through tx is taken back in each case. It may be wrapped.
type Decision struct {
	kind  string
	after *time.Duration
	why   string
	cause error
}

// Error says what was decided, and why.
func (d *Decision) Error() string { return d.why }

// Unwrap gives the error that the decision was made for.
func (d *Decision) Unwrap() error { return d.cause }

// RetryAfter says that the attempt failed with err, which may be nil, and that the next one is due after d instead of the endpoint's backoff. A d
// below zero or above 30 days is an error of its own.
func RetryAfter(d time.Duration, err error) error {
	if d < 0 || d > longestRetry {
		return newError("invalid_argument", fmt.Sprintf("RetryAfter: after must be 0 to %d seconds, not %v", longestRetry/time.Second, d.Seconds()), err)
	}
	return retry(&d, err)
}

// Retry says that the attempt failed with err, which may be nil: the next one is due after the endpoint's backoff, as for any error.
func Retry(err error) error { return retry(nil, err) }

func retry(after *time.Duration, err error) error {
	why := "the handler asked for another attempt"
	if err != nil {
		why = textOf(err)
	}
	return &Decision{kind: "retry", after: after, why: why, cause: err}
}

// Ignore says that the event is of no interest: it becomes ignored.
func Ignore(why string) error {
	return &Decision{kind: "ignore", why: orElse(why, "the handler ignored it")}
}

// Dead says that the event can never be handled: it becomes dead without a further attempt.
func Dead(why string) error { return &Decision{kind: "dead", why: orElse(why, "the handler gave up")} }

func orElse(text, otherwise string) string {
	if strings.TrimSpace(text) == "" {
		return otherwise
	}
	return text
}

func decisionOf(err error) *Decision {
	var decision *Decision
	if errors.As(err, &decision) {
		return decision
	}
	return nil
}

// PanicError is the error of a handler that panicked.
type PanicError struct {
	// Value is what it panicked with.
	Value any
	// Stack is where.
	Stack []byte

	cause error
}

// panicError is to be called by the function that recovers.
func panicError(value any) *PanicError {
	err, _ := value.(error)
	return &PanicError{Value: value, Stack: debug.Stack(), cause: readable(err)}
}

// Error gives the value; the stack goes to the log and to the attempt's error.
func (p *PanicError) Error() string {
	switch p.Value.(type) {
	case error, fmt.Stringer:
		return fmt.Sprintf("panic: %v", p.Value)
	}
	switch reflect.ValueOf(p.Value).Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array, reflect.Pointer, reflect.Interface:
		// One that holds itself would never be through.
		return fmt.Sprintf("panic: a value of the type %T", p.Value)
	}
	return fmt.Sprintf("panic: %v", p.Value)
}

// Unwrap gives the value where it is an error.
func (p *PanicError) Unwrap() error { return p.cause }

// readable gives the error, or one with its text alone where asking what it is panics: as a nil pointer of the application's own type does.
func readable(err error) (sound error) {
	var decision *Decision
	defer func() {
		if recover() == nil {
			return
		}
		sound = errors.New(textOf(err))
		if decision != nil {
			sound = &Decision{kind: decision.kind, after: decision.after, why: decision.why}
		}
	}()
	decision = decisionOf(err)
	_ = errors.Is(translate(err), ErrBusy)
	return err
}

// longestText: the core keeps 8 KiB of an error. Somewhat more than that is not even converted.
const longestText = 16 << 10

// textOf is an error's own text, or what it is where that cannot be had.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T, whose text cannot be had", err)
		}
	}()
	return err.Error()
}

// storedText is an error's text that the database takes.
func storedText(err error) string {
	text := textOf(err)
	var panicked *PanicError
	if errors.As(err, &panicked) {
		text += "\n" + string(panicked.Stack)
	}
	if len(text) > longestText {
		text = text[:longestText]
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return orElse(text, "the handler failed without a word")
}
