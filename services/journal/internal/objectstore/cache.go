package objectstore

import (
	"slices"
	"sync"
)

// cache remembers the objects that were used last, as many as there is room for. A segment that somebody
// knows of never changes, so what is remembered is right as long as it is asked for.
type cache struct {
	mu      sync.Mutex
	room    int
	used    int
	objects []object // the one used last is the last
}

type object struct {
	name    string
	content []byte
}

func (c *cache) get(name string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.index(name)
	if i < 0 {
		return nil, false
	}
	o := c.objects[i]
	c.objects = append(slices.Delete(c.objects, i, i+1), o)
	return o.content, true
}

func (c *cache) add(name string, content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(c.index(name))
	if len(content) > c.room {
		return
	}
	for c.used+len(content) > c.room {
		c.remove(0)
	}
	c.objects = append(c.objects, object{name, content})
	c.used += len(content)
}

func (c *cache) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(c.index(name))
}

func (c *cache) index(name string) int {
	return slices.IndexFunc(c.objects, func(o object) bool { return o.name == name })
}

func (c *cache) remove(i int) {
	if i < 0 {
		return
	}
	c.used -= len(c.objects[i].content)
	c.objects = slices.Delete(c.objects, i, i+1)
}
