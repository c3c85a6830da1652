package knocker_test

import (
	"encoding/base64"
	"encoding/json"

	"github.com/knocker/knocker-go"
)

// object is JSON as the data has it.
type object = map[string]any

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
