package bench

import (
	"crypto/rand"
	"maps"
	"net/http"
	"sync"

	"github.com/gorilla/sessions"
)

// A memoryStore is a gorilla Store in a map: what is left of a Store's cost if the
// engine behind it were free.
type memoryStore struct {
	mu      sync.RWMutex
	records map[string]map[any]any
}

func newMemoryStore() *memoryStore { return &memoryStore{records: make(map[string]map[any]any)} }

func (m *memoryStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(m, name)
}

func (m *memoryStore) New(r *http.Request, name string) (*sessions.Session, error) {
	s := sessions.NewSession(m, name)
	s.Options, s.IsNew = new(sessions.Options), true
	c, err := r.Cookie(name)
	if err != nil {
		return s, nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if values, ok := m.records[c.Value]; ok {
		s.ID, s.IsNew = c.Value, false
		maps.Copy(s.Values, values)
	}
	return s, nil
}

func (m *memoryStore) Save(_ *http.Request, w http.ResponseWriter, s *sessions.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Options.MaxAge < 0 {
		delete(m.records, s.ID)
		return nil
	}
	if s.ID == "" {
		s.ID = rand.Text()
	}
	m.records[s.ID] = maps.Clone(s.Values)
	http.SetCookie(w, sessions.NewCookie(s.Name(), s.ID, s.Options))
	return nil
}
