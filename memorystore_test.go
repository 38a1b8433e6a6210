package login_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// A memoryStore keeps records as the stores for Redis and PostgreSQL do. It trusts
// an ID that comes in a cookie, and where there is no record under it, it does not
// give a new one: the next Save makes a record of that ID.
type memoryStore struct {
	codecs []securecookie.Codec // nil: IDs are not even signed

	mu      sync.Mutex
	records map[string]map[any]any
	asked   []string // IDs that were looked for
}

func newMemoryStore(signed bool) *memoryStore {
	s := &memoryStore{records: map[string]map[any]any{}}
	if signed {
		s.codecs = securecookie.CodecsFromPairs([]byte("store-key-0123456789abcdefghijkl"))
	}
	return s
}

func (s *memoryStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

func (s *memoryStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	session.Options, session.IsNew = &sessions.Options{Path: "/", MaxAge: 3600}, true
	c, err := r.Cookie(name)
	if err != nil {
		return session, nil
	}
	session.ID = c.Value
	if s.codecs != nil {
		session.ID = ""
		if err := securecookie.DecodeMulti(name, c.Value, &session.ID, s.codecs...); err != nil {
			return session, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, session.ID)
	if values, ok := s.records[session.ID]; ok {
		session.Values, session.IsNew = maps.Clone(values), false
	}
	return session, nil
}

func (s *memoryStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session.Options.MaxAge <= 0 {
		delete(s.records, session.ID)
		http.SetCookie(w, sessions.NewCookie(session.Name(), "", session.Options))
		return nil
	}
	if session.ID == "" {
		session.ID = rand.Text()
	}
	s.records[session.ID] = maps.Clone(session.Values)
	value := session.ID
	if s.codecs != nil {
		var err error
		if value, err = securecookie.EncodeMulti(session.Name(), session.ID, s.codecs...); err != nil {
			return err
		}
	}
	http.SetCookie(w, sessions.NewCookie(session.Name(), value, session.Options))
	return nil
}

func (s *memoryStore) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.records))
}

// wipe deletes all records, as an operator or an eviction does.
func (s *memoryStore) wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.records)
}
