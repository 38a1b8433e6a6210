// Package postgres lets the replicas of an application share through PostgreSQL what
// login.Config asks for: who renews a token, and which sessions were ended.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // of github.com/jackc/pgx/v5/stdlib
//	…
//	config := postgres.Config{DB: db}
//	err = postgres.Create(ctx, config) // the tables, if they are not there
//	…
//	shared, err := postgres.New(ctx, config)
//	…
//	defer shared.Close()
//	auth, err := login.New(login.Config{
//		…
//		Once:        shared,
//		Revocations: shared,
//	})
//
// All replicas need the same database and the same Prefix, and clocks that agree to a
// second or so. Nothing in the tables says who a user is: keys are random or hashes, and
// the tokens are sealed with Config.Key. Who knows the ID of a user already can tell that
// login.Auth.End was called for it, and when.
//
// What was ended is kept, in a table and in the memory of each replica at about 80 bytes a
// piece, until its cookies have ended anyway. Nothing bounds how many there are.
//
// # Connections
//
// Advisory locks and LISTEN belong to a connection of the server, so that a pooler in
// between has to pool sessions, not transactions. A Shared uses one connection of DB
// all the time, and another one for each token that is being renewed: renewals that
// find none wait. Less than three connections are refused.
//
// Config.DB must be a pool of its own, of ten connections, say, and not that of a Store
// or of Tokens. A renewal holds its connection while the provider and the Store are
// asked: if they share a pool, renewals may hold all of it, and wait for the Store, which
// waits for a connection.
//
// A lock ends when its connection does. If that happens while a token is renewed, a
// provider may be asked twice. If a machine vanishes, the tokens that it was renewing
// wait until PostgreSQL misses the connections, which takes two hours unless
// tcp_keepalives_idle says otherwise.
//
// While PostgreSQL is away, no token is renewed and everybody stays logged in; sessions
// that were ended before stay ended. It may come back at any time.
//
// A session that is ended meanwhile is over at the replica that was asked, which also
// gets an error. It remembers up to 10,000 of these, the last ones, and tells the others
// when PostgreSQL is back, unless it ends before.
package postgres
