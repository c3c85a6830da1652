package conformance

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// rawConnection is a connection that does not care for the rules.
type rawConnection struct {
	net.Conn
	reader  *bufio.Reader
	methods []string
}

// send2 plays the steps, and gives the status (or closed) of the last answer that was not the one listed first.
func send2(address string, steps []httpStep) (other string, err error) {
	connections := map[string]*rawConnection{}
	defer func() {
		for _, c := range connections {
			_ = c.Close()
		}
	}()
	for i, step := range steps {
		c := connections[step.On]
		if c == nil {
			opened, err := net.Dial("tcp", address)
			if err != nil {
				return "", err
			}
			_ = opened.SetDeadline(time.Now().Add(Patience))
			c = &rawConnection{Conn: opened, reader: bufio.NewReader(opened)}
			connections[step.On] = c
		}
		switch {
		case step.Answer != nil:
			first, status, err := c.answer(step.Answer)
			if err != nil {
				return "", fmt.Errorf("step %d: %w", i+1, err)
			}
			if !first {
				other = status
			}
		case step.Close == "half":
			_ = c.Conn.(*net.TCPConn).CloseWrite()
		case step.Close == "reset":
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		case step.Close == "all":
			_ = c.Close()
		default:
			if err := c.send(step); err != nil {
				return "", err
			}
		}
	}
	return other, nil
}

var requestLine = regexp.MustCompile(`(?s)(?:^|\r\n\r\n.*?)([A-Z]+) \S+ HTTP/1`)

func (c *rawConnection) send(step httpStep) error {
	content, err := base64.StdEncoding.DecodeString(step.SendBase64)
	if err != nil {
		return err
	}
	if step.Send != nil {
		var lines []string
		var text string
		if json.Unmarshal(step.Send, &lines) == nil {
			text = strings.Join(lines, "\r\n")
		} else if err := json.Unmarshal(step.Send, &text); err != nil {
			return err
		}
		content = []byte(strings.Repeat(text, max(1, step.Times)))
	}
	for _, found := range requestLine.FindAllSubmatch(content[:min(len(content), 65536)], -1) {
		c.methods = append(c.methods, string(found[1]))
	}
	// All of it, or as much as the other side takes.
	_, _ = c.Write(content)
	return nil
}

func (c *rawConnection) answer(expected *httpAnswer) (isFirst bool, status string, err error) {
	var wanted []any
	if json.Unmarshal(expected.Status, &wanted) != nil || wanted == nil {
		var one any
		if err := json.Unmarshal(expected.Status, &one); err != nil {
			return false, "", err
		}
		wanted = []any{one}
	}
	method := http.MethodPost
	if len(c.methods) > 0 {
		method = c.methods[0]
	}
	var answer *http.Response
	for {
		answer, err = http.ReadResponse(c.reader, &http.Request{Method: method})
		if err != nil || answer.StatusCode >= 200 {
			break
		}
	}
	if err != nil {
		if !slices.Contains(wanted, nil) {
			return false, "", fmt.Errorf("no answer (%v), expected %s", err, expected.Status)
		}
		return wanted[0] == nil, "closed", nil
	}
	if len(c.methods) > 0 {
		c.methods = c.methods[1:]
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, "", err
	}
	if !slices.Contains(wanted, any(float64(answer.StatusCode))) {
		return false, "", fmt.Errorf("answered %s %q, expected %s", answer.Status, body, expected.Status)
	}
	if strings.Contains(string(body), "vault.internal") || strings.Contains(string(body), ".go") {
		return false, "", fmt.Errorf("an answer tells of the inside: %q", body)
	}
	if wanted[0] != any(float64(answer.StatusCode)) {
		return false, fmt.Sprint(answer.StatusCode), nil
	}
	for name, value := range expected.Headers {
		given := answer.Header.Values(name)
		if (value == nil && len(given) > 0) || (value != nil && strings.Join(given, ", ") != *value) {
			return false, "", fmt.Errorf("%s is %q, expected %v", name, given, value)
		}
	}
	if expected.Body != nil && string(body) != *expected.Body {
		return false, "", fmt.Errorf("answered %q, expected %q", body, *expected.Body)
	}
	return true, "", nil
}
