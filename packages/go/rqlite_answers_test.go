package knocker_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
	"github.com/knocker/knocker-go/internal/rqlite"
)

type answerCase struct {
	Name       string `json:"name"`
	Statements int    `json:"statements"`
	Status     int    `json:"status"`
	Answer     string `json:"answer"`
	Expect     struct {
		Meaning string          `json:"meaning"`
		Results json.RawMessage `json:"results"`
		Code    string          `json:"code"`
	} `json:"expect"`
}

var meanings = map[rqlite.Meaning]string{
	rqlite.Done: "done", rqlite.Refused: "refused", rqlite.Torn: "torn", rqlite.Elsewhere: "elsewhere", rqlite.Unknown: "unknown", rqlite.Forbidden: "forbidden",
}

// TestAnswersOfRqlite reads each answer of the data.
func TestAnswersOfRqlite(t *testing.T) {
	var file struct {
		About string       `json:"about"`
		Cases []answerCase `json:"cases"`
	}
	if err := conformance.Strictly(conformance.Files(t, "rqlite")["answers.json"], &file); err != nil {
		t.Fatal(err)
	}
	for _, one := range file.Cases {
		t.Run(one.Name, func(t *testing.T) {
			answer := rqlite.Read(one.Status, []byte(one.Answer), one.Statements)
			if found := meanings[answer.Meaning]; found != one.Expect.Meaning {
				t.Fatalf("expected %s, found %s: %s", one.Expect.Meaning, found, answer.Why)
			}
			if one.Expect.Results != nil {
				var expected any
				if err := json.Unmarshal(one.Expect.Results, &expected); err != nil {
					t.Fatal(err)
				}
				if err := conformance.Compare(expected, conformance.Plain(answer.Rows), "results"); err != nil {
					t.Error(err)
				}
			}
			if one.Expect.Code != "" {
				var known *knocker.Error
				if err := knocker.ProblemOfAnswer(answer); !errors.As(err, &known) || known.Code != one.Expect.Code {
					t.Errorf("expected %s, found %v", one.Expect.Code, err)
				}
			}
		})
	}
	if len(file.Cases) < 30 {
		t.Errorf("only %d cases ran", len(file.Cases))
	}
	if !t.Failed() {
		conformance.WriteCount(t, "rqlite", len(file.Cases))
	}
}
