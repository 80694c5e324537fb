// Package checks counts checks for client programs in Go: one line a check, and at the end the plain line `N passed, N failed`.
package checks

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"time"
)

type Checks struct {
	Name           string
	passed, failed int
}

// Run counts one step; a panic of the client is its failure.
func (c *Checks) Run(name string, step func() error) {
	begin := time.Now()
	err := guarded(step)
	if err != nil {
		c.failed++
		fmt.Printf("  FAIL  %s %s\n%v\n", c.Name, name, err)
		return
	}
	c.passed++
	fmt.Printf("  ok    %s %s (%d ms)\n", c.Name, name, time.Since(begin).Milliseconds())
}

// End prints the last line and ends the program.
func (c *Checks) End() {
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 || c.passed == 0 {
		os.Exit(1)
	}
	os.Exit(0)
}

func guarded(step func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("panic: %v", x)
		}
	}()
	return step()
}

// Equal says what differs.
func Equal(actual, expected any) error {
	if reflect.DeepEqual(actual, expected) {
		return nil
	}
	return fmt.Errorf("%#v, expected %#v", actual, expected)
}

// Refused is an error when there is none.
func Refused(err error) error {
	if err == nil {
		return fmt.Errorf("expected an error, none came")
	}
	return nil
}

// All returns the first error.
func All(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

const Dim = 8

func Vector(at int) []float32 {
	vector := make([]float32, Dim)
	for i := range vector {
		vector[i] = float32(math.Sin(float64(at*Dim + i + 1)))
	}
	return vector
}

// Where returns the numbers from begin to end that are kept.
func Where(begin, end int, keep func(at int) bool) []int64 {
	kept := []int64{}
	for at := begin; at < end; at++ {
		if keep(at) {
			kept = append(kept, int64(at))
		}
	}
	return kept
}
