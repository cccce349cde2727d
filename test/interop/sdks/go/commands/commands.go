// Package commands serves the lines of the interop driver: one command in, one line of JSON out, in order.
package commands

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// A Client does what the driver asks of it. An answer is whatever JSON can hold.
type Client interface {
	Connect() (any, error)
	List() (any, error)
	Call(name string, arguments map[string]any) (any, error)
	Ask() (any, error)
	Close() (any, error)
}

type call struct {
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments"`
}

type answer struct {
	OK    bool   `json:"ok"`
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

func run(client Client, line string) (any, error) {
	command, rest, _ := strings.Cut(line, " ")
	switch command {
	case "connect":
		return client.Connect()
	case "list":
		return client.List()
	case "call":
		var asked call
		if err := json.Unmarshal([]byte(rest), &asked); err != nil {
			return nil, err
		}
		return client.Call(asked.Name, asked.Arguments)
	case "ask":
		return client.Ask()
	default:
		return client.Close()
	}
}

// Serve answers commands until `close`, or until the driver has gone.
func Serve(client Client) {
	answers := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		value, err := run(client, lines.Text())
		if err != nil {
			_ = answers.Encode(answer{Error: err.Error()})
		} else {
			_ = answers.Encode(answer{OK: true, Value: value})
		}
		if lines.Text() == "close" {
			return
		}
	}
}

// AskAll calls the tools of the echo fixture that ask their client, and joins what they were told.
func AskAll(client Client) (any, error) {
	elicited, err := client.Call("elicit", map[string]any{"message": "who"})
	if err != nil {
		return nil, err
	}
	sampled, err := client.Call("sample", map[string]any{"prompt": "hi"})
	if err != nil {
		return nil, err
	}
	roots, err := client.Call("roots", map[string]any{})
	if err != nil {
		return nil, err
	}
	return fmt.Sprint(elicited, sampled, roots), nil
}
