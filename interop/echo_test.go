package interop_test

import (
	"net/http"

	"github.com/doorlatch/login"
	"github.com/labstack/echo/v4"
)

// echoHandler hands the parameter :provider on as a path value. [echo.WrapHandler]
// does where the provider is the last segment of the path.
func echoHandler(h http.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Request().SetPathValue("provider", c.Param("provider"))
		h(c.Response(), c.Request())
		return nil
	}
}

func echoPages(auth *login.Auth) *echo.Echo {
	e := echo.New()
	e.Group("/private", echo.WrapMiddleware(auth.Require)).GET("/greet", echo.WrapHandler(http.HandlerFunc(greet)))
	e.GET("/by/:provider/please", echoHandler(auth.Login))
	return e
}

func echoWrapped(auth *login.Auth) http.Handler {
	e := echoPages(auth)
	e.GET("/greet", echo.WrapHandler(http.HandlerFunc(greet)))
	return auth.Wrap(e)
}

func echoByHand(auth *login.Auth) http.Handler {
	e := echoPages(auth)
	e.GET("/greet", echo.WrapHandler(http.HandlerFunc(greet)), echo.WrapMiddleware(auth.Wrap))
	account := e.Group("/account")
	account.GET("/login", echo.WrapHandler(http.HandlerFunc(auth.Login)))
	account.GET("/login/:provider", echoHandler(auth.Login))
	account.GET("/callback/:provider", echo.WrapHandler(http.HandlerFunc(auth.Callback)))
	account.Any("/logout", echo.WrapHandler(http.HandlerFunc(auth.Logout)))
	return e
}

func echoMounted(auth *login.Auth) http.Handler {
	e := echoPages(auth)
	e.GET("/greet", echo.WrapHandler(http.HandlerFunc(greet)), echo.WrapMiddleware(auth.Wrap))
	e.Any("/account/*", echo.WrapHandler(auth))
	return e
}
