package openapi

import (
	"compress/gzip"
	"embed"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	swaggerui "github.com/swaggest/swgui/v5/static"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
)

// Paths at which a service describes itself.
const (
	DocumentPath = "/openapi.json"
	DocsPath     = "/docs"
	ProblemsPath = "/problems"
)

//go:embed pages
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages/*.html"))

// policy lets a page run our scripts only, and talk to this service only. Swagger UI writes styles into
// the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Mount serves the document, the page at /docs and the catalogue of errors. All of it is in the binary.
func (d *Document) Mount(e *gin.Engine) {
	e.GET(DocumentPath, func(c *gin.Context) { c.Data(http.StatusOK, "application/json", d.JSON) })
	e.GET(DocsPath, func(c *gin.Context) { page(c, "docs.html", d.Info) })
	e.GET(DocsPath+"/:file", asset)
	catalogue := Catalogue(d.Endpoints)
	e.GET(ProblemsPath, func(c *gin.Context) { page(c, "problems.html", gin.H{"Info": d.Info, "Problems": catalogue}) })
}

func page(c *gin.Context, name string, data any) {
	c.Header("Content-Security-Policy", policy)
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Content-Type", "text/html; charset=utf-8")
	if err := templates.ExecuteTemplate(c.Writer, name, data); err != nil {
		_ = c.Error(err) // the connection went away
	}
}

// assets are the files under /docs, with their media type.
var assets = map[string]string{
	"swagger-ui.css":       "text/css; charset=utf-8",
	"swagger-ui-bundle.js": "text/javascript; charset=utf-8",
	"docs.js":              "text/javascript; charset=utf-8",
	"favicon-32x32.png":    "image/png",
}

func asset(c *gin.Context) {
	name := c.Param("file")
	media, ok := assets[name]
	if !ok {
		web.Fail(c, problem.NotFound.New("the documentation has no file %s", name))
		return
	}
	c.Header("Content-Type", media)
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "public, max-age=3600")
	if err := copyAsset(c, name); err != nil {
		_ = c.Error(err) // the connection went away: the files are in the binary
	}
}

// copyAsset sends a file as it lies in the binary, compressed, to whoever takes it so.
func copyAsset(c *gin.Context, name string) error {
	if raw, err := pages.ReadFile("pages/" + name); err == nil {
		_, err = c.Writer.Write(raw)
		return err
	}
	file, err := swaggerui.FS.Open(name + ".gz")
	if err != nil {
		raw, err := fs.ReadFile(swaggerui.FS, name)
		if err != nil {
			return err
		}
		_, err = c.Writer.Write(raw)
		return err
	}
	defer file.Close() //nolint:errcheck // read only
	if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
		c.Header("Content-Encoding", "gzip")
		c.Header("Vary", "Accept-Encoding")
		_, err = io.Copy(c.Writer, file)
		return err
	}
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(c.Writer, plain) //nolint:gosec // our own file
	return err
}

// Entry is one kind of problem with the requests that may be answered by it.
type Entry struct {
	*problem.Kind
	Everywhere bool // nearly every request may be answered so
	From       []Endpoint
}

// Catalogue lists every kind that endpoints name and the common ones, by code.
func Catalogue(endpoints []Endpoint) []Entry {
	from := map[*problem.Kind][]Endpoint{}
	for _, e := range endpoints {
		for _, k := range e.Kinds() {
			from[k] = append(from[k], e)
		}
	}
	for _, k := range problem.Common {
		if from[k] == nil {
			from[k] = []Endpoint{}
		}
	}
	out := []Entry{}
	for k, at := range from {
		out = append(out, Entry{Kind: k, From: at, Everywhere: len(at) == 0 || len(at) > 12 && slices.Contains(problem.Common, k)})
	}
	slices.SortFunc(out, func(a, b Entry) int { return a.Code - b.Code })
	return out
}
