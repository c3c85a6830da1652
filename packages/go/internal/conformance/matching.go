package conformance

import (
	"fmt"
	"reflect"
	"strings"
)

// Compare says where the actual value is not as expected: an object names what matters, an array is complete, a rule holds, anything else is equal.
// Where the data has null, Go has the zero value.
func Compare(expected, actual any, at string) error {
	switch wanted := expected.(type) {
	case nil:
		if actual != nil && actual != "" && actual != 0.0 {
			return fmt.Errorf("%s is %v, expected null", at, actual)
		}
		return nil
	case object:
		return compareObject(wanted, actual, at)
	case []any:
		given, ok := actual.([]any)
		if !ok || len(given) != len(wanted) {
			return fmt.Errorf("%s is %v, expected %d elements", at, actual, len(wanted))
		}
		for i := range wanted {
			if err := Compare(wanted[i], given[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	}
	if flag, ok := actual.(bool); ok && expected != actual {
		// A column of a view has numbers where Go has booleans.
		actual = 0.0
		if flag {
			actual = 1.0
		}
	}
	if !reflect.DeepEqual(expected, actual) {
		return fmt.Errorf("%s is %#v, expected %#v", at, actual, expected)
	}
	return nil
}

func compareObject(wanted object, actual any, at string) error {
	if len(wanted) == 1 {
		for rule, operand := range wanted {
			if strings.HasPrefix(rule, "$") {
				return compareRule(rule, operand, actual, at)
			}
		}
	}
	given, ok := actual.(object)
	if !ok {
		return fmt.Errorf("%s is %v, expected an object", at, actual)
	}
	for key, value := range wanted {
		found, ok := given[key]
		if !ok {
			return fmt.Errorf("%s has no %s: %v", at, key, given)
		}
		if err := Compare(value, found, at+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func compareRule(rule string, operand, actual any, at string) error {
	holds := false
	switch rule {
	case "$range":
		bounds := operand.([]any)
		number, ok := actual.(float64)
		holds = ok && number >= bounds[0].(float64) && number <= bounds[1].(float64) && number == float64(int64(number))
	case "$not_null":
		holds = actual != nil && actual != "" && actual != 0.0
	case "$contains":
		text, ok := actual.(string)
		holds = ok && strings.Contains(text, operand.(string))
	case "$any":
		for _, one := range operand.([]any) {
			holds = holds || Compare(one, actual, at) == nil
		}
	case "$longest":
		text, ok := actual.(string)
		holds = ok && float64(len(text)) <= operand.(float64)
	case "$base64":
		holds = reflect.DeepEqual(actual, object{"$base64": operand})
	default:
		return fmt.Errorf("%s: there is no rule %s", at, rule)
	}
	if !holds {
		return fmt.Errorf("%s is %v, expected %s %v", at, actual, rule, operand)
	}
	return nil
}
