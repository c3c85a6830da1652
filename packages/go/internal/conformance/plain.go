package conformance

import (
	"encoding/base64"
	"iter"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Plain turns what the package gives into the JSON that the data speaks of: times as Unix milliseconds, durations in the unit of their name, bytes as
// text where they are text.
func Plain(value any) any {
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
		return Plain(v.Elem().Interface())
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
			made[name] = Plain(content)
		}
		return made
	case reflect.Slice:
		made := make([]any, v.Len())
		for i := range v.Len() {
			made[i] = Plain(v.Index(i).Interface())
		}
		return made
	case reflect.Map:
		made := object{}
		for _, key := range v.MapKeys() {
			content := Plain(v.MapIndex(key).Interface())
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

// Collected gives all of a list, as plain does.
func Collected[Record any](list iter.Seq2[Record, error]) (rows []any, err error) {
	for record, err := range list {
		if err != nil {
			return nil, err
		}
		rows = append(rows, Plain(record))
	}
	return rows, nil
}

// OrEmpty gives a list that is not nil.
func OrEmpty(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}
