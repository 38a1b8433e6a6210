package login

import (
	"encoding/binary"
	"slices"
)

// recordVersion changes whenever the layout of any record does. A record of
// another version counts as absent, so that people log in again.
const recordVersion = 2

// The purposes of records. Each has keys of its own as well; see keyring.
const (
	purposeFlow     = 'f'
	purposeIdentity = 'i'
	purposeToken    = 't'
	purposeSeen     = 's'
	purposeHandle   = 'h'
	purposeLogout   = 'o'
	purposeKept     = 'k'
)

// A record is the compact form of everything we seal: version, purpose, then
// fields without names, each as long as its length says. Decoding one costs a
// fiftieth of gob and cannot run code that a type brings along.
type record []byte

func newRecord(purpose byte) record { return record{recordVersion, purpose} }

func (r record) str(s string) record {
	r = binary.AppendUvarint(r, uint64(len(s)))
	return append(r, s...)
}

func (r record) int(n int64) record { return binary.AppendVarint(r, n) }

func (r record) strs(list []string) record {
	r = binary.AppendUvarint(r, uint64(len(list)))
	for _, s := range list {
		r = r.str(s)
	}
	return r
}

func (r record) strMap(m map[string]string) record {
	r = binary.AppendUvarint(r, uint64(len(m)))
	for k, v := range m {
		r = r.str(k).str(v)
	}
	return r
}

func (r record) user(u *User) record {
	return r.str(u.Provider).str(u.ID).str(u.Username).str(u.Name).str(u.Picture).
		str(u.Email).str(u.UnverifiedEmail).strMap(u.Extra)
}

// A recordReader reads the fields of a record in the order in which they were
// written. After the first fault everything is empty and ok is false.
type recordReader struct {
	rest string
	bad  bool
}

func readRecord(b []byte, purpose byte) *recordReader {
	r := &recordReader{rest: string(b)} // one copy; all fields are parts of it
	if len(b) < 2 || b[0] != recordVersion || b[1] != purpose {
		return &recordReader{bad: true}
	}
	r.rest = r.rest[2:]
	return r
}

// ok reports whether all fields were there, and nothing else.
func (r *recordReader) ok() bool { return !r.bad && r.rest == "" }

func (r *recordReader) fail() {
	r.bad, r.rest = true, ""
}

func (r *recordReader) uint() uint64 {
	var n uint64
	for i := range len(r.rest) {
		c := r.rest[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

func (r *recordReader) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *recordReader) str() string {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// count reads the length of a list, whose entries take at least a byte each.
func (r *recordReader) count() int {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *recordReader) strs() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]string, 0, min(n, 64))
	for range n {
		list = append(list, r.str())
		if r.bad {
			return nil
		}
	}
	return slices.Clip(list)
}

func (r *recordReader) strMap() map[string]string {
	n := r.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, min(n, 64))
	for range n {
		k := r.str()
		m[k] = r.str()
		if r.bad {
			return nil
		}
	}
	return m
}

func (r *recordReader) user() User {
	return User{
		Provider: r.str(), ID: r.str(), Username: r.str(), Name: r.str(), Picture: r.str(),
		Email: r.str(), UnverifiedEmail: r.str(), Extra: r.strMap(),
	}
}
