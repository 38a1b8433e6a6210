module github.com/doorlatch/login/bench

go 1.26.0

replace github.com/doorlatch/login => ../

require (
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/dghubble/gologin/v2 v2.5.0
	github.com/dghubble/sessions v0.4.1
	github.com/doorlatch/login v0.0.0-00010101000000-000000000000
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/gorilla/securecookie v1.1.2
	github.com/gorilla/sessions v1.4.0
	github.com/markbates/goth v1.82.0
	golang.org/x/oauth2 v0.37.0
)

require (
	github.com/ProtonMail/go-crypto v0.0.0-20230217124315-7d5c6f04bbb8 // indirect
	github.com/cloudflare/circl v1.3.7 // indirect
	github.com/go-chi/chi/v5 v5.2.2 // indirect
	github.com/google/go-github/v52 v52.0.0 // indirect
	github.com/google/go-querystring v1.1.0 // indirect
	github.com/gorilla/context v1.1.1 // indirect
	github.com/gorilla/mux v1.6.2 // indirect
	golang.org/x/crypto v0.35.0 // indirect
	golang.org/x/sys v0.30.0 // indirect
)
