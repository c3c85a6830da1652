package knocker

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
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

// asJSON is the request argument of the SQL functions. Every receipt has one made: it is written as one text, of which nothing is copied again.
func (r *WebhookRequest) asJSON() string {
	var room [24]string
	names := room[:0]
	size := len(`{"method":"","url":"","headers":{},"truncated":true}`) + len(r.Method) + len(r.URL)
	for name, values := range r.Header {
		names = append(names, name)
		size += len(name) + len(`"":[],`)
		for _, value := range values {
			size += len(value) + len(`"",`)
		}
	}
	slices.Sort(names)
	var head jsonHead
	head.Grow(size)
	head.WriteByte('{')
	if r.Method != "" {
		head.WriteString(`"method":`)
		head.writeText(r.Method)
		head.WriteByte(',')
	}
	if r.URL != "" {
		head.WriteString(`"url":`)
		head.writeText(r.URL)
		head.WriteByte(',')
	}
	head.WriteString(`"headers":{`)
	for i, name := range names {
		if i > 0 {
			head.WriteByte(',')
		}
		head.writeText(name)
		head.WriteByte(':')
		head.writeTexts(r.Header[name])
	}
	head.WriteByte('}')
	if r.Truncated {
		head.WriteString(`,"truncated":true`)
	}
	head.WriteByte('}')
	return head.String()
}

// jsonHead is the head of a request as JSON, while it is written.
type jsonHead struct{ strings.Builder }

func (h *jsonHead) writeTexts(texts []string) {
	h.WriteByte('[')
	for i, text := range texts {
		if i > 0 {
			h.WriteByte(',')
		}
		h.writeText(text)
	}
	h.WriteByte(']')
}

// writeText writes a text that is nearly always plain ASCII. What else there is, [json.Marshal] writes.
func (h *jsonHead) writeText(text string) {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			encoded, err := json.Marshal(text)
			if err != nil {
				panic(err) // a text: it can be
			}
			h.Write(encoded)
			return
		}
	}
	h.WriteByte('"')
	h.WriteString(text)
	h.WriteByte('"')
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
