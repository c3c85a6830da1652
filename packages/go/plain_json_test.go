package knocker

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestReceiptsReadAsTheirJSONSays(t *testing.T) {
	for said, isPlain := range map[string]bool{
		`{"delivery_id":1,"outcome":"accepted","event_id":12,"events":[{"id":12,"duplicate":false},{"id":9,"duplicate":true}],"reason":null,"detail":null,` +
			`"response":{"status":200,"headers":{"content-type":"text/plain; charset=utf-8","x":"é"},"body":""}}`: true,
		`{"delivery_id":null,"outcome":"limited","event_id":null,"events":[],"reason":"no_secret","detail":"there is none",` +
			`"response":{"status":401,"headers":{},"body":"refused"}}`: true,
		`{"delivery_id":1,"outcome":"invalid","event_id":null,"events":[],"reason":"bad_signature","detail":"a \"quoted\" word",` +
			`"response":{"status":401,"headers":{},"body":"{\"a\": 1}\n"}}`: false,
		`{"delivery_id":1,"outcome":"accepted","newer":true,"event_id":1,"events":[],"reason":null,"detail":null,` +
			`"response":{"status":200,"headers":{},"body":""}}`: false,
		`{"delivery_id":9223372036854775807,"outcome":"accepted","event_id":1,"events":[],"reason":null,"detail":null,` +
			`"response":{"status":200,"headers":{},"body":""}}`: false,
		`{"outcome": "accepted"}`: false,
	} {
		var expected, plain Receipt
		if err := json.Unmarshal([]byte(said), &expected); err != nil {
			t.Fatal(err)
		}
		found, err := receiptOf(said)
		if err != nil || !reflect.DeepEqual(*found, expected) {
			t.Errorf("%s: %+v, %v", said, found, err)
		}
		if p := (&plainJSON{said}); (p.receipt(&plain) && p.isOver()) != isPlain {
			t.Errorf("%s: expected plain %v", said, isPlain)
		}
	}
	for _, broken := range []string{``, `{`, `{"delivery_id":1`, `{"delivery_id":1,"outcome":"accepted","event_id":1,"events":[{"id":12,`, `[]`} {
		if found, err := receiptOf(broken); err == nil {
			t.Errorf("%s: %+v", broken, found)
		}
	}
}

func TestStoredHeadersReadAsTheirJSONSays(t *testing.T) {
	for _, stored := range []string{
		`{}`,
		`{"x-github-event":"push","accept":["a","b"],"empty":[],"ü":"é"}`,
		`{"quoted":"a \"word\" and \u00e9","accept":["a","b\n"]}`,
		`{ "spaced" : "a" , "accept" : [ "b" ] }`,
		`{"accept":["a","b\\"],"after":"c"}`,
	} {
		expected, err := headerFrom(stored)
		if err != nil {
			t.Fatal(err)
		}
		found, err := headerOf(stored)
		if err != nil || len(found) != len(expected) {
			t.Errorf("%s: %v, %v, expected %v", stored, found, err, expected)
		}
		for name, values := range expected {
			if len(values)+len(found[name]) > 0 && !reflect.DeepEqual(found[name], values) {
				t.Errorf("%s: %s is %q, expected %q", stored, name, found[name], values)
			}
		}
	}
	for _, broken := range []string{``, `{`, `{"a":"b"`, `{"a":"b"}}`, `["a"]`, `{"a":1}`} {
		if found, err := headerOf(broken); err == nil {
			t.Errorf("%s: %v", broken, found)
		}
	}
}

func TestRequestsAreWrittenAsEncodingJSONWouldReadThem(t *testing.T) {
	for _, request := range []*WebhookRequest{
		{},
		{Method: "PUT", URL: "/a?b=c&d=\"\\", Truncated: true},
		{URL: "/ü", Header: map[string][]string{"X-B": {"one", "two"}, "X-A": {"<a> & \"b\"", "\x00\x7f\u2028\xff"}, "Empty": {}}},
	} {
		var read struct {
			Method, URL string
			Headers     map[string][]string
			Truncated   bool
		}
		written := request.asJSON()
		if err := json.Unmarshal([]byte(written), &read); err != nil {
			t.Errorf("%s: %v", written, err)
		}
		expected := map[string][]string{}
		for name, values := range request.Header {
			expected[name] = append([]string{}, values...)
			for i, value := range values {
				// What is no UTF-8 is replaced.
				expected[name][i] = string([]rune(value))
			}
		}
		if read.Method != request.Method || read.URL != request.URL || read.Truncated != request.Truncated || !reflect.DeepEqual(read.Headers, expected) {
			t.Errorf("%s: %+v", written, read)
		}
	}
}
