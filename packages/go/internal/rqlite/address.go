// Package rqlite speaks to the nodes of rqlite over HTTP: it tries one after the other, and says of each answer what it means.
package rqlite

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// defaultPort is the one that rqlite listens on.
const defaultPort = "4001"

// Address is where the nodes of a cluster are, and who asks them.
type Address struct {
	// Nodes are the URLs of the nodes, without credentials.
	Nodes []string

	scheme string
	user   *url.Userinfo
}

// IsAddress says whether it is meant as the address of a cluster, and not as the path of a file.
func IsAddress(text string) bool {
	return strings.HasPrefix(text, "rqlite://") || strings.HasPrefix(text, "rqlites://")
}

// ParseAddress reads rqlite://[user:password@]host[:port],…, or rqlites:// for HTTPS. Its errors do not repeat what was given: it may hold a password.
func ParseAddress(text string) (*Address, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	a := &Address{scheme: scheme}
	protocol := "http"
	if scheme == "rqlites" {
		protocol = "https"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		name, password, _ := strings.Cut(rest[:at], ":")
		decodedName, wrongName := url.PathUnescape(name)
		decodedPassword, wrongPassword := url.PathUnescape(password)
		if wrongName != nil || wrongPassword != nil || decodedName == "" {
			return nil, errors.New("user and password are to be percent-encoded: rqlite://user:password@a:4001")
		}
		a.user, rest = url.UserPassword(decodedName, decodedPassword), rest[at+1:]
	}
	if strings.ContainsAny(rest, "/?#") {
		return nil, errors.New("the address names nodes alone, without a path or a query: rqlite://a:4001,b:4001,c:4001")
	}
	for _, node := range strings.Split(rest, ",") {
		host, err := hostOf(strings.TrimSpace(node))
		if err != nil {
			return nil, err
		}
		a.Nodes = append(a.Nodes, protocol+"://"+host)
	}
	return a, nil
}

// hostOf gives host and port of a node.
func hostOf(node string) (string, error) {
	parsed, err := url.Parse("http://" + node)
	if err != nil || parsed.Hostname() == "" {
		return "", errors.New("a node has no name: rqlite://a:4001,b:4001,c:4001")
	}
	port := parsed.Port()
	if port == "" {
		port = defaultPort
	}
	return net.JoinHostPort(parsed.Hostname(), port), nil
}

// String is the address without credentials.
func (a *Address) String() string {
	hosts := make([]string, len(a.Nodes))
	for i, node := range a.Nodes {
		_, hosts[i], _ = strings.Cut(node, "://")
	}
	return fmt.Sprintf("%s://%s", a.scheme, strings.Join(hosts, ","))
}
