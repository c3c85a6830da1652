package main

import (
	"reflect"
	"strings"
	"time"
)

// plain gives records as SQL has them: its names, times as Unix milliseconds, and no bodies.
func plain(value any) any {
	if moment, ok := value.(time.Time); ok {
		if moment.IsZero() {
			return nil
		}
		return moment.UnixMilli()
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem().Interface())
	case reflect.Struct:
		made := map[string]any{}
		for i := range v.NumField() {
			field, content := v.Type().Field(i), v.Field(i).Interface()
			switch long := content.(type) {
			case *time.Duration:
				made[snake(field.Name)+"_ms"] = nil
				if long != nil {
					made[snake(field.Name)+"_ms"] = long.Milliseconds()
				}
			case time.Duration:
				made[snake(field.Name)+"_s"] = long.Seconds()
			default:
				if field.Name != "Body" {
					made[snake(field.Name)] = plain(content)
				}
			}
		}
		return made
	case reflect.Slice:
		made := make([]any, v.Len())
		for i := range v.Len() {
			made[i] = plain(v.Index(i).Interface())
		}
		return made
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
