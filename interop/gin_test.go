package interop_test

import (
	"net/http"

	"github.com/doorlatch/login"
	"github.com/gin-gonic/gin"
)

// ginMiddleware makes middleware for gin of the ordinary kind: whoever is logged
// in is in the context of c.Request.
func ginMiddleware(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		m(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed, c.Request = true, r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}

// ginHandler hands the parameter :provider on as a path value. [gin.WrapF] does
// where the provider is the last segment of the path.
func ginHandler(h http.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Request.SetPathValue("provider", c.Param("provider"))
		h(c.Writer, c.Request)
	}
}

func ginPages(auth *login.Auth) *gin.Engine {
	gin.SetMode(gin.TestMode)
	r := gin.New()
	r.Group("/private", ginMiddleware(auth.Require)).GET("/greet", gin.WrapF(greet))
	r.GET("/by/:provider/please", ginHandler(auth.Login))
	return r
}

func ginWrapped(auth *login.Auth) http.Handler {
	r := ginPages(auth)
	r.GET("/greet", gin.WrapF(greet))
	return auth.Wrap(r)
}

func ginByHand(auth *login.Auth) http.Handler {
	r := ginPages(auth)
	r.GET("/greet", ginMiddleware(auth.Wrap), gin.WrapF(greet))
	account := r.Group("/account")
	account.GET("/login", gin.WrapF(auth.Login))
	account.GET("/login/:provider", ginHandler(auth.Login))
	account.GET("/callback/:provider", gin.WrapF(auth.Callback))
	account.Any("/logout", gin.WrapF(auth.Logout))
	return r
}

func ginMounted(auth *login.Auth) http.Handler {
	r := ginPages(auth)
	r.GET("/greet", ginMiddleware(auth.Wrap), gin.WrapF(greet))
	r.Any("/account/*path", gin.WrapH(auth))
	return r
}
