package knocker

import (
	"database/sql/driver"
	"encoding/json"
	"time"
)

func jsonText(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err) // numbers and texts alone: it cannot
	}
	return string(encoded)
}

func text(value driver.Value) string {
	switch value := value.(type) {
	case string:
		return value
	case []byte:
		return string(value)
	}
	return ""
}

func integer(value driver.Value) int64 {
	number, _ := value.(int64)
	return number
}

func blob(value driver.Value) []byte {
	switch value := value.(type) {
	case []byte:
		return value
	case string:
		return []byte(value)
	}
	return nil
}

func moment(value driver.Value) time.Time {
	if ms, ok := value.(int64); ok {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func boolean(value driver.Value) bool { return integer(value) != 0 || value == true }

func duration(value driver.Value, unit time.Duration) time.Duration {
	return time.Duration(integer(value)) * unit
}

func optionalDuration(value driver.Value, unit time.Duration) *time.Duration {
	if value == nil {
		return nil
	}
	d := duration(value, unit)
	return &d
}

func durationOf(value *float64, unit time.Duration) time.Duration {
	if value == nil {
		return 0
	}
	return time.Duration(*value * float64(unit))
}

func optionalDurationOf(value *float64, unit time.Duration) *time.Duration {
	if value == nil {
		return nil
	}
	d := durationOf(value, unit)
	return &d
}

func momentOf(value *int64) time.Time {
	if value == nil {
		return time.Time{}
	}
	return moment(*value)
}

func readJSON(value driver.Value, into any) error { return json.Unmarshal([]byte(text(value)), into) }
