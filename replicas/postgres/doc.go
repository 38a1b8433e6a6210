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
// second or so. Nothing in the tables says who a user is: keys are hashes, and the
// tokens are sealed with Config.Key.
//
// # Connections
//
// Advisory locks and LISTEN belong to a connection of the server, so that a pooler in
// between has to pool sessions, not transactions. A Shared uses one connection of DB
// all the time, and another one for each token that is being renewed: renewals that
// find none wait. An application that limits the connections of its pool had better
// give this package a pool of its own, of ten, say.
//
// While PostgreSQL is away, no token is renewed and everybody stays logged in;
// sessions that were ended before stay ended. It may come back at any time.
package postgres
