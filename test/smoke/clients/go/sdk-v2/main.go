// A day of the Go SDK of 2.4 (github.com/milvus-io/milvus-sdk-go/v2), unmodified, in a database of its own; then users, on a server that
// asks for them. Usage: sdk-v2 ADDRESS ADDRESS-WITH-USERS
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	. "elanus.test/checks"
	sdk "github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

const (
	name     = "articles"
	database = "go_sdk_v2"
	rows     = 300
)

var (
	ctx    = context.Background()
	checks = Checks{Name: "go sdk 2.4"}
	client sdk.Client
)

func main() {
	checks.Run("connects", func() (err error) {
		client, err = sdk.NewClient(ctx, sdk.Config{Address: os.Args[1]})
		if err != nil {
			return err
		}
		version, err := client.GetVersion(ctx)
		if err != nil {
			return err
		}
		health, err := client.CheckHealth(ctx)
		return All(err, Equal(len(version) > 0, true), Equal(health.IsHealthy, true))
	})
	if client != nil {
		definitions()
		writes()
		searches()
		changes()
		drops()
	}
	users(os.Args[2])
	checks.End()
}

func definitions() {
	checks.Run("makes a database and uses it", func() error {
		err := All(client.CreateDatabase(ctx, database), client.UsingDatabase(ctx, database))
		names, listErr := client.ListDatabases(ctx)
		return All(err, listErr, Equal(slices.ContainsFunc(names, func(one entity.Database) bool { return one.Name == database }), true))
	})
	checks.Run("creates a collection of every kind of field", func() error {
		schema := entity.NewSchema().WithName(name).WithDescription("a day").WithDynamicFieldEnabled(true).
			WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
			WithField(entity.NewField().WithName("title").WithDataType(entity.FieldTypeVarChar).WithMaxLength(64)).
			WithField(entity.NewField().WithName("age").WithDataType(entity.FieldTypeInt32)).
			WithField(entity.NewField().WithName("is_new").WithDataType(entity.FieldTypeBool)).
			WithField(entity.NewField().WithName("tags").WithDataType(entity.FieldTypeArray).WithElementType(entity.FieldTypeVarChar).WithMaxCapacity(8).WithMaxLength(16)).
			WithField(entity.NewField().WithName("doc").WithDataType(entity.FieldTypeJSON)).
			WithField(entity.NewField().WithName("vector").WithDataType(entity.FieldTypeFloatVector).WithDim(Dim)).
			WithField(entity.NewField().WithName("sparse").WithDataType(entity.FieldTypeSparseVector))
		err := client.CreateCollection(ctx, schema, 1, sdk.WithConsistencyLevel(entity.ClStrong))
		has, hasErr := client.HasCollection(ctx, name)
		hasNot, hasNotErr := client.HasCollection(ctx, "nobody")
		return All(err, hasErr, hasNotErr, Equal([]bool{has, hasNot}, []bool{true, false}))
	})
	checks.Run("describes it", func() error {
		described, err := client.DescribeCollection(ctx, name)
		if err != nil {
			return err
		}
		names := []string{}
		for _, field := range described.Schema.Fields {
			names = append(names, field.Name)
		}
		return All(
			Equal(names, []string{"id", "title", "age", "is_new", "tags", "doc", "vector", "sparse"}),
			Equal([]any{described.Schema.EnableDynamicField, described.Schema.Description, described.ConsistencyLevel}, []any{true, "a day", entity.ClStrong}),
		)
	})
	checks.Run("builds indexes", func() error {
		near, nearErr := entity.NewIndexHNSW(entity.L2, 8, 64)
		sparse, sparseErr := entity.NewIndexSparseInverted(entity.IP, 0)
		if err := All(nearErr, sparseErr); err != nil {
			return err
		}
		for field, wanted := range map[string]entity.Index{
			"vector": near, "sparse": sparse, "age": entity.NewScalarIndexWithType(entity.Sorted),
			"title": entity.NewScalarIndexWithType(entity.Trie), "tags": entity.NewScalarIndexWithType(entity.Inverted),
		} {
			if err := client.CreateIndex(ctx, name, field, wanted, false); err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
		}
		described, err := client.DescribeIndex(ctx, name, "vector")
		if err != nil {
			return err
		}
		state, err := client.GetIndexState(ctx, name, "vector")
		if err != nil {
			return err
		}
		_, _, err = client.GetIndexBuildProgress(ctx, name, "vector")
		return All(err, Equal(described[0].Params()["index_type"], "HNSW"), Equal(int(state), 3))
	})
	checks.Run("loads", func() error {
		if err := client.LoadCollection(ctx, name, false); err != nil {
			return err
		}
		state, err := client.GetLoadState(ctx, name, nil)
		if err != nil {
			return err
		}
		progress, err := client.GetLoadingProgress(ctx, name, nil)
		return All(err, Equal(state, entity.LoadStateLoaded), Equal(progress, int64(100)))
	})
}

// columns are those of the rows from begin to end.
func columns(begin, end int) []entity.Column {
	var (
		keys    []int64
		titles  []string
		ages    []int32
		news    []bool
		tags    [][][]byte
		docs    [][]byte
		vectors [][]float32
		sparses []entity.SparseEmbedding
		extras  []string
	)
	for at := begin; at < end; at++ {
		sparse, err := entity.NewSliceSparseEmbedding([]uint32{uint32(at), uint32(at + 1000)}, []float32{1, 0.5})
		if err != nil {
			panic(err)
		}
		keys = append(keys, int64(at))
		titles = append(titles, fmt.Sprintf("title %d", at))
		ages = append(ages, int32(at%50))
		news = append(news, at%2 == 0)
		tags = append(tags, [][]byte{[]byte(fmt.Sprintf("t%d", at%3)), []byte(fmt.Sprintf("u%d", at%5))})
		docs = append(docs, []byte(fmt.Sprintf(`{"kind":%d,"deep":{"x":%d}}`, at%4, at)))
		vectors = append(vectors, Vector(at))
		sparses = append(sparses, sparse)
		extras = append(extras, fmt.Sprintf("dynamic %d", at%10))
	}
	return []entity.Column{
		entity.NewColumnInt64("id", keys), entity.NewColumnVarChar("title", titles), entity.NewColumnInt32("age", ages),
		entity.NewColumnBool("is_new", news), entity.NewColumnVarCharArray("tags", tags), entity.NewColumnJSONBytes("doc", docs),
		entity.NewColumnFloatVector("vector", Dim, vectors), entity.NewColumnSparseVectors("sparse", sparses), entity.NewColumnVarChar("extra", extras),
	}
}

func keysOf(found entity.Column) []int64 {
	keys := []int64{}
	for at := 0; at < found.Len(); at++ {
		key, err := found.GetAsInt64(at)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	return keys
}

func ids(filter string, partitions ...string) ([]int64, error) {
	found, err := client.Query(ctx, name, partitions, filter, []string{"id"}, sdk.WithLimit(1000), sdk.WithSearchQueryConsistencyLevel(entity.ClStrong))
	if err != nil {
		return nil, err
	}
	keys := keysOf(found.GetColumn("id"))
	slices.Sort(keys)
	return keys, nil
}

func count() (int64, error) {
	found, err := client.Query(ctx, name, nil, "", []string{"count(*)"}, sdk.WithSearchQueryConsistencyLevel(entity.ClStrong))
	if err != nil {
		return 0, err
	}
	return found.GetColumn("count(*)").GetAsInt64(0)
}

func writes() {
	checks.Run("inserts columns and rows", func() error {
		keys, err := client.Insert(ctx, name, "", columns(0, rows)...)
		if err != nil {
			return err
		}
		sparse, _ := entity.NewSliceSparseEmbedding([]uint32{7}, []float32{1})
		one, err := client.InsertRows(ctx, name, "", []any{map[string]any{
			"id": int64(rows), "title": fmt.Sprintf("title %d", rows), "age": int32(0), "is_new": true, "tags": [][]byte{[]byte("t0"), []byte("u0")},
			"doc": []byte(`{"kind":0}`), "vector": Vector(rows), "sparse": sparse, "extra": "dynamic 0",
		}})
		if err != nil {
			return err
		}
		counted, err := count()
		return All(err, Equal([]int{keys.Len(), one.Len(), int(counted)}, []int{rows, 1, rows + 1}))
	})
	checks.Run("upserts", func() error {
		changed := columns(5, 6)
		changed[1] = entity.NewColumnVarChar("title", []string{"changed"})
		keys, err := client.Upsert(ctx, name, "", changed...)
		if err != nil {
			return err
		}
		found, err := ids(`title == "changed"`)
		return All(err, Equal(keys.Len(), 1), Equal(found, []int64{5}))
	})
	checks.Run("flushes and counts", func() error {
		if err := client.Flush(ctx, name, false); err != nil {
			return err
		}
		stats, err := client.GetCollectionStatistics(ctx, name)
		if err != nil {
			return err
		}
		counted, err := strconv.Atoi(stats["row_count"])
		if err != nil {
			return err
		}
		segments, err := client.GetPersistentSegmentInfo(ctx, name)
		return All(err, Equal(counted >= rows+1, true), Equal(len(segments) > 0, true))
	})
	checks.Run("queries with filters", func() error {
		all := func(keep func(at int) bool) []int64 { return Where(0, rows+1, keep) }
		for filter, expected := range map[string][]int64{
			"age > 10 and age <= 12":                               all(func(at int) bool { return at%50 == 11 || at%50 == 12 }),
			`array_contains(tags, "t1") and id < 30`:               Where(0, 30, func(at int) bool { return at%3 == 1 }),
			`doc["kind"] == 2 and doc["deep"]["x"] < 20`:           Where(0, 20, func(at int) bool { return at%4 == 2 }),
			`extra == "dynamic 7"`:                                 all(func(at int) bool { return at%10 == 7 }),
			`title like "title 1%" and is_new == true and id < 20`: {10, 12, 14, 16, 18},
			"id in [1, 2, 100000]":                                 {1, 2},
			"not (age < 49)":                                       all(func(at int) bool { return at%50 == 49 }),
		} {
			found, err := ids(filter)
			if err = All(err, Equal(found, expected)); err != nil {
				return fmt.Errorf("%s: %w", filter, err)
			}
		}
		return nil
	})
	checks.Run("reads every field back", func() error {
		found, err := client.Get(ctx, name, entity.NewColumnInt64("id", []int64{9}), sdk.GetWithOutputFields("*", "extra"))
		if err != nil {
			return err
		}
		get := func(field string) any {
			value, err := found.GetColumn(field).Get(0)
			if err != nil {
				return err
			}
			return value
		}
		return All(
			Equal([]any{get("id"), get("title"), get("age"), get("is_new"), get("tags")}, []any{int64(9), "title 9", int32(9), false, [][]byte{[]byte("t0"), []byte("u4")}}),
			Equal(get("vector"), Vector(9)))
	})
	checks.Run("iterates over a query", func() error {
		pages, err := client.QueryIterator(ctx, sdk.NewQueryIteratorOption(name).WithExpr("age < 40").WithBatchSize(70).WithOutputFields("id"))
		if err != nil {
			return err
		}
		keys := []int64{}
		for {
			page, err := pages.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			keys = append(keys, keysOf(page.GetColumn("id"))...)
		}
		slices.Sort(keys)
		return Equal(keys, Where(0, rows+1, func(at int) bool { return at%50 < 40 }))
	})
}

func searches() {
	search := func(limit int, filter string, param *entity.IndexHNSWSearchParam, options ...sdk.SearchQueryOptionFunc) ([]sdk.SearchResult, error) {
		vectors := []entity.Vector{entity.FloatVector(Vector(7)), entity.FloatVector(Vector(8))}
		return client.Search(ctx, name, nil, filter, []string{"age", "title", "extra", "doc"}, vectors, "vector", entity.L2, limit, param,
			append(options, sdk.WithSearchQueryConsistencyLevel(entity.ClStrong))...)
	}
	near := func() *entity.IndexHNSWSearchParam { param, _ := entity.NewIndexHNSWSearchParam(128); return param }
	checks.Run("searches with a filter and several vectors", func() error {
		found, err := search(20, `age >= 8 and tags[0] == "t2"`, near())
		if err != nil {
			return err
		}
		title, err := found[1].Fields.GetColumn("title").GetAsString(0)
		return All(err, Equal([]int{len(found), found[0].ResultCount, found[1].ResultCount}, []int{2, 20, 20}),
			Equal(keysOf(found[1].IDs)[0], int64(8)), Equal(title, "title 8"))
	})
	checks.Run("searches a range", func() error {
		param := near()
		param.AddRadius(1)
		param.AddRangeFilter(0)
		found, err := search(100, "", param)
		if err != nil {
			return err
		}
		for _, score := range found[0].Scores {
			if score < 0 || score >= 1 {
				return fmt.Errorf("a hit at %v", score)
			}
		}
		return Equal(found[0].ResultCount > 0, true)
	})
	checks.Run("groups hits by a field", func() error {
		found, err := search(5, "", near(), sdk.WithGroupByField("age"))
		if err != nil {
			return err
		}
		seen := keysOf(found[0].GroupByValue)
		slices.Sort(seen)
		return Equal(len(slices.Compact(seen)), 5)
	})
	checks.Run("searches hybrid", func() error {
		sparse, _ := entity.NewSliceSparseEmbedding([]uint32{11}, []float32{1})
		sparseParam, _ := entity.NewIndexSparseInvertedSearchParam(0)
		requests := []*sdk.ANNSearchRequest{
			sdk.NewANNSearchRequest("vector", entity.L2, "", []entity.Vector{entity.FloatVector(Vector(11))}, near(), 10),
			sdk.NewANNSearchRequest("sparse", entity.IP, "", []entity.Vector{sparse}, sparseParam, 10),
		}
		for _, ranker := range []sdk.Reranker{sdk.NewRRFReranker(), sdk.NewWeightedReranker([]float64{0.7, 0.3})} {
			found, err := client.HybridSearch(ctx, name, nil, 5, []string{"title"}, ranker, requests)
			if err != nil {
				return err
			}
			if err = Equal(keysOf(found[0].IDs)[0], int64(11)); err != nil {
				return err
			}
		}
		return nil
	})
}

func changes() {
	checks.Run("keeps partitions", func() error {
		err := All(client.CreatePartition(ctx, name, "later"), client.LoadPartitions(ctx, name, []string{"later"}, false))
		if err != nil {
			return err
		}
		if _, err = client.Insert(ctx, name, "later", columns(9000, 9001)...); err != nil {
			return err
		}
		inside, insideErr := ids("id >= 0", "later")
		names, err := client.ShowPartitions(ctx, name)
		err = All(err, insideErr, Equal(inside, []int64{9000}), Equal(len(names), 2))
		if err != nil {
			return err
		}
		err = All(client.ReleasePartitions(ctx, name, []string{"later"}), client.DropPartition(ctx, name, "later"))
		has, hasErr := client.HasPartition(ctx, name, "later")
		return All(err, hasErr, Equal(has, false))
	})
	checks.Run("gives it other names", func() error {
		if err := client.CreateAlias(ctx, name, "current"); err != nil {
			return err
		}
		described, err := client.DescribeCollection(ctx, "current")
		return All(err, Equal(described != nil, true), client.AlterAlias(ctx, name, "current"), client.DropAlias(ctx, "current"),
			client.RenameCollection(ctx, name, "renamed"), client.RenameCollection(ctx, "renamed", name))
	})
	checks.Run("changes properties", func() error {
		if err := client.AlterCollection(ctx, name, entity.CollectionTTL(86400)); err != nil {
			return err
		}
		described, err := client.DescribeCollection(ctx, name)
		return All(err, Equal(described.Properties["collection.ttl.seconds"], "86400"))
	})
	checks.Run("deletes by keys and by filter", func() error {
		first := client.DeleteByPks(ctx, name, "", entity.NewColumnInt64("id", []int64{0, 1, 2}))
		second := client.Delete(ctx, name, "", `age >= 25 and extra == "dynamic 7"`)
		left := Where(3, rows+1, func(at int) bool { return !(at%50 >= 25 && at%10 == 7) })
		found, err := ids("id >= 0")
		counted, countErr := count()
		return All(first, second, err, countErr, Equal(found, left), Equal(counted, int64(len(left))))
	})
	checks.Run("refuses what is wrong", func() error {
		_, nobody := client.DescribeCollection(ctx, "nobody")
		_, wrong := ids("age >")
		return All(Refused(nobody), Refused(wrong))
	})
	checks.Run("says how it is", func() error {
		groups, err := client.ListResourceGroups(ctx)
		if err != nil {
			return err
		}
		replicas, err := client.GetReplicas(ctx, name)
		return All(err, Equal(len(groups) > 0, true), Equal(len(replicas), 1))
	})
}

func drops() {
	checks.Run("releases and drops everything", func() error {
		err := All(client.ReleaseCollection(ctx, name), client.DropIndex(ctx, name, "age", sdk.WithIndexName("age")), client.DropCollection(ctx, name))
		names, listErr := client.ListCollections(ctx)
		return All(err, listErr, Equal(len(names), 0), client.UsingDatabase(ctx, "default"), client.DropDatabase(ctx, database), client.Close())
	})
}

func users(address string) {
	open := func(user, password string) (sdk.Client, error) {
		return sdk.NewClient(ctx, sdk.Config{Address: address, Username: user, Password: password})
	}
	const user, role, kept = "go_old_reader", "go_old_readers", "go_old_kept"
	checks.Run("lets in users, and what they were granted", func() error {
		_, nobody := open("", "")
		_, wrong := open("root", "wrong")
		root, err := open("root", "Milvus")
		if err = All(Refused(nobody), Refused(wrong), err); err != nil {
			return err
		}
		err = All(
			root.CreateCredential(ctx, user, "Secret_1"), root.CreateRole(ctx, role), root.AddUserRole(ctx, user, role),
			root.NewCollection(ctx, kept, Dim), root.Grant(ctx, role, entity.PriviledegeObjectTypeCollection, kept, "Query"),
			root.Grant(ctx, role, entity.PriviledegeObjectTypeGlobal, "*", "DescribeCollection"),
		)
		if err != nil {
			return err
		}
		reader, err := open(user, "Secret_1")
		if err != nil {
			return err
		}
		_, queried := reader.Query(ctx, kept, nil, "id >= 0", []string{"id"})
		dropped := reader.DropCollection(ctx, kept)
		described, err := root.DescribeUser(ctx, user)
		if err = All(queried, Refused(dropped), err, Equal(described.Roles, []string{role})); err != nil {
			return err
		}
		grants, err := root.ListGrants(ctx, role, "default")
		if err = All(err, Equal(len(grants), 2)); err != nil {
			return err
		}
		err = All(
			root.UpdateCredential(ctx, user, "Secret_1", "Secret_2"),
			root.Revoke(ctx, role, entity.PriviledegeObjectTypeCollection, kept, "Query"),
			root.Revoke(ctx, role, entity.PriviledegeObjectTypeGlobal, "*", "DescribeCollection"),
			root.RemoveUserRole(ctx, user, role), root.DeleteCredential(ctx, user), root.DropRole(ctx, role), root.DropCollection(ctx, kept),
		)
		names, listErr := root.ListCredUsers(ctx)
		_, gone := open(user, "Secret_2")
		return All(err, listErr, Equal(slices.Contains(names, user), false), Refused(gone), reader.Close(), root.Close())
	})
}
