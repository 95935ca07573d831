package check

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promql "github.com/prometheus/prometheus/promql/parser"
)

// Metric is a series as it can be asked for: a histogram is three.
type Metric struct {
	Labels []string
	Source string // the file that makes it
}

// Metrics by name.
type Metrics map[string]Metric

// Code finds the metrics that the Go files below folders make, by reading them: also those that show
// up only when something has gone wrong.
func (m Metrics) Code(folders ...string) error {
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				return err
			}
			return m.file(name, file)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// makers are the functions of the Prometheus library that make metrics.
var makers = regexp.MustCompile(`^New(Counter|Gauge|Histogram)(Vec|Func)?$`)

func (m Metrics) file(name string, file *ast.File) error {
	constants, broken := map[string]string{}, error(nil)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, id := range spec.Names {
				if i < len(spec.Values) {
					if v, ok := literal(spec.Values[i], nil); ok {
						constants[id.Name] = v
					}
				}
			}
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !isPrometheus(selector.X) || !makers.MatchString(selector.Sel.Name) {
			return true
		}
		if err := m.call(name, selector.Sel.Name, call, constants); err != nil {
			broken = errors.Join(broken, fmt.Errorf("%s: %w", name, err))
		}
		return true
	})
	return broken
}

func isPrometheus(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == "prometheus"
}

func (m Metrics) call(source, maker string, call *ast.CallExpr, constants map[string]string) error {
	options, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		return fmt.Errorf("%s: the options of a metric must stand where it is made, or this check cannot read them", maker)
	}
	var parts [3]string
	for _, element := range options.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if i := slices.Index([]string{"Namespace", "Subsystem", "Name"}, fmt.Sprint(pair.Key)); i >= 0 {
			value, known := literal(pair.Value, constants)
			if !known {
				return fmt.Errorf("%s: %v is no constant of this file", maker, pair.Key)
			}
			parts[i] = value
		}
	}
	metric := Metric{Source: source}
	if strings.HasSuffix(maker, "Vec") {
		list, ok := call.Args[1].(*ast.CompositeLit)
		if !ok {
			return fmt.Errorf("%s: the labels must stand where the metric is made", maker)
		}
		for _, e := range list.Elts {
			label, known := literal(e, constants)
			if !known {
				return fmt.Errorf("%s: a label is no constant", maker)
			}
			metric.Labels = append(metric.Labels, label)
		}
	}
	name := strings.Join(slices.DeleteFunc(parts[:], func(s string) bool { return s == "" }), "_")
	m.add(name, metric, strings.HasPrefix(maker, "NewHistogram"))
	return nil
}

func (m Metrics) add(name string, metric Metric, histogram bool) {
	if !histogram {
		m[name] = metric
		return
	}
	m[name+"_sum"], m[name+"_count"] = metric, metric
	metric.Labels = append(slices.Clone(metric.Labels), "le")
	m[name+"_bucket"] = metric
}

func literal(x ast.Expr, constants map[string]string) (string, bool) {
	switch v := x.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(v.Value)
		return s, err == nil
	case *ast.Ident:
		s, known := constants[v.Name]
		return s, known
	}
	return "", false
}

var sample = regexp.MustCompile(`^([a-z_0-9]+)(?:\{(.*)\})? `)

// Scrape adds the metrics of a scrape, as Prometheus sees it.
func (m Metrics) Scrape(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		found := sample.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		metric := m[found[1]]
		metric.Source = path
		for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(found[2], -1) {
			if !slices.Contains(metric.Labels, label[1]) {
				metric.Labels = append(metric.Labels, label[1])
			}
		}
		m[found[1]] = metric
	}
	return lines.Err()
}

// targetLabels are those that Prometheus adds when it scrapes (k8s/monitoring/prometheus.yaml).
var targetLabels = []string{"job", "instance", "namespace", "pod", "app"}

// CheckExpr says what an expression asks for that nobody makes. Values of labels are looked for in the
// source of the metric.
func (m Metrics) CheckExpr(expr string) error {
	parsed, err := promql.NewParser(promql.Options{}).ParseExpr(strings.ReplaceAll(expr, "$__rate_interval", "5m"))
	if err != nil {
		return fmt.Errorf("%s: %w", expr, err)
	}
	var wrong []error
	has := map[string]bool{} // labels of the metrics in the expression
	promql.Inspect(parsed, func(node promql.Node, _ []promql.Node) error {
		selector, ok := node.(*promql.VectorSelector)
		if !ok {
			return nil
		}
		metric, known := m[selector.Name]
		if selector.Name == "up" {
			metric, known = Metric{}, true
		}
		if !known {
			wrong = append(wrong, fmt.Errorf("nobody makes the metric %s", selector.Name))
			return nil
		}
		for _, label := range append(slices.Clone(targetLabels), metric.Labels...) {
			has[label] = true
		}
		for _, matcher := range selector.LabelMatchers {
			wrong = append(wrong, metric.checkMatcher(selector.Name, matcher))
		}
		return nil
	})
	promql.Inspect(parsed, func(node promql.Node, _ []promql.Node) error {
		if by, ok := node.(*promql.AggregateExpr); ok {
			for _, label := range by.Grouping {
				if !has[label] {
					wrong = append(wrong, fmt.Errorf("no metric in it has the label %s", label))
				}
			}
		}
		return nil
	})
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("%s: %w", expr, err)
	}
	return nil
}

func (m Metric) checkMatcher(name string, matcher *labels.Matcher) error {
	if matcher.Name == model.MetricNameLabel || slices.Contains(targetLabels, matcher.Name) {
		return nil
	}
	if !slices.Contains(m.Labels, matcher.Name) {
		return fmt.Errorf("%s has no label %s", name, matcher.Name)
	}
	if matcher.Type != labels.MatchEqual || !strings.HasSuffix(m.Source, ".go") {
		return nil
	}
	// The value must be a string somewhere in the package that makes the metric, or below its service.
	folder := filepath.Dir(m.Source)
	if i := strings.Index(folder, "/internal/"); i >= 0 {
		folder = folder[:i]
	}
	found := false
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || found || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path) //nolint:gosec // our own sources
		found = found || strings.Contains(string(raw), strconv.Quote(matcher.Value))
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%s is never made with %s", name, matcher)
	}
	return err
}
