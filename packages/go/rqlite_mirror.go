package knocker

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"strings"
)

// refreshMirror reads the settings of the endpoints anew, where requests are judged apart from where they are stored.
func (d *database) refreshMirror(ctx context.Context) error {
	if d.cluster == nil {
		return nil
	}
	return d.cluster.refresh(ctx)
}

func (k *rqliteCluster) refresh(ctx context.Context) error {
	found, err := k.session(ctx).rows("SELECT name, " + strings.Join(settingsOfFile, ", ") + " FROM knocker_endpoints ORDER BY id")
	if err != nil {
		return err
	}
	mirrored := make(map[string]string, len(found))
	for _, row := range found {
		settings := map[string]any{}
		for i, name := range settingsOfFile {
			settings[name] = settingOf(name, row[i+1])
		}
		mirrored[text(row[0])] = jsonText(settings)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mirrored = mirrored
	k.changed()
	return nil
}

// settingOf is a column of an endpoint as knocker_endpoint takes it.
func settingOf(name string, value driver.Value) any {
	switch name {
	case "enabled":
		return boolean(value)
	case "options", "backoff":
		return json.RawMessage(text(value))
	}
	return value
}

// openMirror gives a connection that has the endpoints and nothing else.
func (k *rqliteCluster) openMirror() (*conn, error) {
	c, err := openConn(":memory:", true, k.options)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	mirrored := k.mirrored
	k.mu.Unlock()
	_, err = c.call("knocker_bootstrap", k.now())
	for name, settings := range mirrored {
		_, failed := c.call("knocker_endpoint", name, settings, k.now())
		err = errors.Join(err, failed)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}
