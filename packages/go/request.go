package knocker

import (
	"encoding/json"
	"net/http"
)

// WebhookRequest is one HTTP request as it was received.
type WebhookRequest struct {
	// Method is POST where it is empty.
	Method string
	// URL is the one the provider called, absolute where the provider signs it, byte for byte. Bytes beyond ASCII are characters of Latin-1, here and
	// in headers, as [Endpoint.ServeHTTP] reads them.
	URL string
	// Header keeps repeated headers.
	Header http.Header
	// Body is the raw body.
	Body []byte
	// Truncated says that reading stopped at the endpoint's size limit, so that Body is only the beginning.
	Truncated bool
}

// asJSON is the request argument of the SQL functions.
func (r *WebhookRequest) asJSON() string {
	head := struct {
		Method    string              `json:"method,omitempty"`
		URL       string              `json:"url,omitempty"`
		Headers   map[string][]string `json:"headers"`
		Truncated bool                `json:"truncated,omitempty"`
	}{r.Method, r.URL, r.Header, r.Truncated}
	if head.Headers == nil {
		head.Headers = map[string][]string{}
	}
	encoded, err := json.Marshal(head)
	if err != nil {
		panic(err) // texts alone: it cannot
	}
	return string(encoded)
}

// latin reads what stands in the head of a request as HTTP means it: each byte is a character, whatever else it might be.
func latin(text string) string {
	for i := 0; i < len(text); i++ {
		if text[i] >= 0x80 {
			return latinRunes(text)
		}
	}
	return text
}

func latinRunes(text string) string {
	runes := make([]rune, len(text))
	for i := 0; i < len(text); i++ {
		runes[i] = rune(text[i])
	}
	return string(runes)
}
