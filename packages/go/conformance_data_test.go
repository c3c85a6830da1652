package knocker_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/knocker/knocker-go"
)

// object is JSON as the data has it.
type object = map[string]any

const conformanceFolder = "../../extension/conformance"

// dataFiles reads every file of a kind of conformance data.
func dataFiles(t *testing.T, kind string) map[string]json.RawMessage {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(conformanceFolder, kind, "*.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no data of the kind %s: %v", kind, err)
	}
	files := map[string]json.RawMessage{}
	for _, path := range found {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = content
	}
	return files
}

// strictly decodes JSON and refuses keys that it does not know: a typing error in the data must not look like success.
func strictly(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// writeCount tells release/conformance-table how many cases of a kind ran.
func writeCount(t *testing.T, kind string, ran int) {
	t.Helper()
	target := os.Getenv("CARGO_TARGET_DIR")
	if target == "" {
		target = "../../target"
	}
	folder := filepath.Join(target, "conformance")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	count := object{"package": "go", "kind": kind, "ran": ran, "on": runtime.Version()}
	encoded, err := json.Marshal(count)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "go."+kind+".json"), append(encoded, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d conformance cases of %s", ran, kind)
}

// sentBody is a body of the data.
type sentBody struct {
	Body       *string `json:"body"`
	BodyBase64 *string `json:"body_base64"`
}

func (b sentBody) bytes() ([]byte, error) {
	if b.BodyBase64 != nil {
		return base64.StdEncoding.DecodeString(*b.BodyBase64)
	}
	if b.Body != nil {
		return []byte(*b.Body), nil
	}
	return nil, nil
}

// sentRequest is a request of the data; headers are an object or a list of pairs.
type sentRequest struct {
	Method    string          `json:"method"`
	URL       string          `json:"url"`
	Headers   json.RawMessage `json:"headers"`
	Truncated bool            `json:"truncated"`
}

func (s sentRequest) request(body []byte) (*knocker.WebhookRequest, error) {
	request := &knocker.WebhookRequest{Method: s.Method, URL: s.URL, Body: body, Truncated: s.Truncated, Header: map[string][]string{}}
	if len(s.Headers) == 0 {
		return request, nil
	}
	var pairs [][2]string
	if json.Unmarshal(s.Headers, &pairs) != nil {
		var named map[string]any
		if err := json.Unmarshal(s.Headers, &named); err != nil {
			return nil, err
		}
		for name, value := range named {
			if several, ok := value.([]any); ok {
				for _, one := range several {
					pairs = append(pairs, [2]string{name, one.(string)})
				}
			} else {
				pairs = append(pairs, [2]string{name, value.(string)})
			}
		}
	}
	for _, pair := range pairs {
		// As they are: what http.Header makes of names is for the server to do.
		request.Header[pair[0]] = append(request.Header[pair[0]], pair[1])
	}
	return request, nil
}

// plain turns what the package gives into the JSON that the data speaks of: times as Unix milliseconds, durations in the unit of their name, bytes as
// text where they are text.
func plain(value any) any {
	v := reflect.ValueOf(value)
	switch one := value.(type) {
	case nil:
		return nil
	case time.Time:
		if one.IsZero() {
			return nil
		}
		return float64(one.UnixMilli())
	case []byte:
		if one == nil {
			return nil
		}
		if !utf8.Valid(one) {
			return object{"$base64": base64.StdEncoding.EncodeToString(one)}
		}
		return string(one)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem().Interface())
	case reflect.Struct:
		made := object{}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, content := snake(field.Name), v.Field(i).Interface()
			if long, ok := content.(*time.Duration); ok {
				made[name+"_ms"] = nil
				if long != nil {
					made[name+"_ms"] = float64(long.Milliseconds())
				}
				continue
			}
			if long, ok := content.(time.Duration); ok {
				made[name+"_s"] = long.Seconds()
				made[name+"_ms"] = float64(long.Milliseconds())
				continue
			}
			made[name] = plain(content)
		}
		return made
	case reflect.Slice:
		made := make([]any, v.Len())
		for i := range v.Len() {
			made[i] = plain(v.Index(i).Interface())
		}
		return made
	case reflect.Map:
		made := object{}
		for _, key := range v.MapKeys() {
			content := plain(v.MapIndex(key).Interface())
			if several, ok := content.([]any); ok && v.Type().Elem().Kind() == reflect.Slice && len(several) == 1 {
				content = several[0]
			}
			name := key.String()
			if v.Type().Elem().Kind() == reflect.Slice {
				name = strings.ToLower(name)
			}
			made[name] = content
		}
		return made
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int64:
		return float64(v.Int())
	}
	return value
}

var initialisms = strings.NewReplacer("SHA256", "Sha256", "URL", "Url", "IDs", "Ids", "ID", "Id")

func snake(name string) string {
	var made strings.Builder
	for i, letter := range initialisms.Replace(name) {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			made.WriteByte('_')
		}
		made.WriteRune(letter)
	}
	return strings.ToLower(made.String())
}

// compare says where the actual value is not as expected: an object names what matters, an array is complete, a rule holds, anything else is equal.
// Where the data has null, Go has the zero value.
func compare(expected, actual any, at string) error {
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
			if err := compare(wanted[i], given[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
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
		if err := compare(value, found, at+"."+key); err != nil {
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
			holds = holds || compare(one, actual, at) == nil
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
