package completion_test

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/completion"
)

type grammar struct {
	Folder string `type:"path" placeholder:"DIR" help:"A folder (or none)."`
	Find   struct {
		Words  []string `arg:"" optional:""`
		Form   string   `short:"f" enum:"json,csv,table" default:"json" help:"How: one of them."`
		Kind   string   `suggest:"sales,cash"`
		Shop   string   `suggest:"@shops"`
		Loud   bool     `short:"l" help:"Loudly."`
		Times  []string
		Hidden string `hidden:""`
		File   string `placeholder:"FILE"`
	} `cmd:"" help:"Find things. And more."`
	Book struct {
		Add struct {
			Name string `arg:"" enum:"a1,a2"`
		} `cmd:""`
		Drop struct {
			Name string `arg:"" placeholder:"FILE"`
		} `cmd:"" aliases:"rm"`
		Old struct{} `cmd:"" hidden:""`
	} `cmd:""`
}

func TestAWordGoesOn(t *testing.T) {
	parser, err := kong.New(&grammar{}, kong.Name("x"))
	require.NoError(t, err)
	var asked map[string]string
	ask := func(kind string, given map[string]string) []completion.Candidate {
		asked = given
		return []completion.Candidate{{Value: kind + "1", Help: "first"}, {Value: "other"}}
	}
	for line, want := range map[string]string{
		"":                         "find book",
		"f":                        "find",
		"book ":                    "add drop",
		"book add ":                "a1 a2",
		"book add a1 ":             "",
		"book rm ":                 ":files",
		"nonsense ":                "find book",
		"find --f":                 "--folder --form --file",
		"find -l --lo":             "",
		"find --times a --ti":      "--times",
		"find --h":                 "--help",
		"find --form ":             "json csv table",
		"find --form=c":            "--form=csv",
		"find -f ":                 "json csv table",
		"find -fc":                 "-fcsv",
		"find --kind s":            "sales",
		"find --kind sales,":       "sales,sales sales,cash",
		"find --kind=sales,c":      "--kind=sales,cash",
		"find --shop ":             "shops1 other",
		"find --form csv --shop o": "other",
		"find --file ":             ":files",
		"--folder ":                ":folders",
		"find -- --":               "",
		"find --unknown ":          "",
	} {
		found, files := completion.Complete(parser.Model.Node, strings.Split(line, " "), ask)
		var got []string
		for _, c := range found {
			got = append(got, c.Value)
		}
		if files != completion.NoFiles {
			got = append(got, string(files))
		}
		assert.Equal(t, want, strings.Join(got, " "), line)
	}
	_, _ = completion.Complete(parser.Model.Node, []string{"find", "--form", "csv", "--loud", "--shop", ""}, ask)
	assert.Equal(t, map[string]string{"form": "csv"}, asked)
	found, _ := completion.Complete(parser.Model.Node, nil, ask)
	assert.Equal(t, "Find things", found[0].Help, "the first sentence is enough")
}

func TestWhatBashTookApartIsPutTogether(t *testing.T) {
	for _, test := range []struct {
		words, want string
		before      int
	}{
		{"find|--form|=|c", "find|--form=c", len("--form=")},
		{"find|--form|=", "find|--form=", len("--form=")},
		{"find|--sort|a|:|d", "find|--sort|a:d", len("a:")},
		{"find|--sort|a|:", "find|--sort|a:", len("a:")},
		{"find|--form|=|csv|", "find|--form=csv|", 0},
		{"find|", "find|", 0},
	} {
		whole, before := completion.Join(strings.Split(test.words, "|"))
		assert.Equal(t, test.want, strings.Join(whole, "|"), test.words)
		assert.Equal(t, test.before, before, test.words)
	}
}
