// A day of the Go client (github.com/milvus-io/milvus/client/v2), unmodified, in a database of its own; then users, on a server that asks
// for them. Usage: client-v2 ADDRESS ADDRESS-WITH-USERS
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	. "elanus.test/checks"
	"github.com/milvus-io/milvus/client/v2/column"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
	mc "github.com/milvus-io/milvus/client/v2/milvusclient"
)

const (
	name     = "articles"
	database = "go_client_v2"
	rows     = 300
)

var (
	ctx    = context.Background()
	checks = Checks{Name: "go client/v2"}
	client *mc.Client
)

func main() {
	checks.Run("connects", func() (err error) {
		client, err = mc.New(ctx, &mc.ClientConfig{Address: os.Args[1]})
		if err != nil {
			return err
		}
		version, err := client.GetServerVersion(ctx, mc.NewGetServerVersionOption())
		return All(err, Refused(errors.New(version)))
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
		err := All(client.CreateDatabase(ctx, mc.NewCreateDatabaseOption(database)), client.UseDatabase(ctx, mc.NewUseDatabaseOption(database)))
		names, listErr := client.ListDatabase(ctx, mc.NewListDatabaseOption())
		return All(err, listErr, Equal(slices.Contains(names, database), true))
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
		err := client.CreateCollection(ctx, mc.NewCreateCollectionOption(name, schema).WithConsistencyLevel(entity.ClStrong))
		has, hasErr := client.HasCollection(ctx, mc.NewHasCollectionOption(name))
		hasNot, hasNotErr := client.HasCollection(ctx, mc.NewHasCollectionOption("nobody"))
		return All(err, hasErr, hasNotErr, Equal([]bool{has, hasNot}, []bool{true, false}))
	})
	checks.Run("describes it", func() error {
		described, err := client.DescribeCollection(ctx, mc.NewDescribeCollectionOption(name))
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
		for field, wanted := range map[string]index.Index{
			"vector": index.NewHNSWIndex(entity.L2, 8, 64),
			"sparse": index.NewSparseInvertedIndex(entity.IP, 0),
			"age":    index.NewSortedIndex(),
			"title":  index.NewTrieIndex(),
			"tags":   index.NewInvertedIndex(),
		} {
			task, err := client.CreateIndex(ctx, mc.NewCreateIndexOption(name, field, wanted))
			if err = All(err); err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
			if err = task.Await(ctx); err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
		}
		described, err := client.DescribeIndex(ctx, mc.NewDescribeIndexOption(name, "vector"))
		if err != nil {
			return err
		}
		listed, err := client.ListIndexes(ctx, mc.NewListIndexOption(name))
		slices.Sort(listed)
		return All(err, Equal(described.Params()["index_type"], "HNSW"), Equal(described.Params()["metric_type"], "L2"),
			Equal(listed, []string{"age", "sparse", "tags", "title", "vector"}))
	})
	checks.Run("loads", func() error {
		task, err := client.LoadCollection(ctx, mc.NewLoadCollectionOption(name))
		if err != nil {
			return err
		}
		if err = task.Await(ctx); err != nil {
			return err
		}
		state, err := client.GetLoadState(ctx, mc.NewGetLoadStateOption(name))
		return All(err, Equal(state.State, entity.LoadStateLoaded))
	})
}

// columns are those of the rows from begin to end.
func columns(begin, end int) []column.Column {
	var (
		keys    []int64
		titles  []string
		ages    []int32
		news    []bool
		tags    [][]string
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
		tags = append(tags, []string{fmt.Sprintf("t%d", at%3), fmt.Sprintf("u%d", at%5)})
		docs = append(docs, []byte(fmt.Sprintf(`{"kind":%d,"deep":{"x":%d}}`, at%4, at)))
		vectors = append(vectors, Vector(at))
		sparses = append(sparses, sparse)
		extras = append(extras, fmt.Sprintf("dynamic %d", at%10))
	}
	return []column.Column{
		column.NewColumnInt64("id", keys), column.NewColumnVarChar("title", titles), column.NewColumnInt32("age", ages),
		column.NewColumnBool("is_new", news), column.NewColumnVarCharArray("tags", tags), column.NewColumnJSONBytes("doc", docs),
		column.NewColumnFloatVector("vector", Dim, vectors), column.NewColumnSparseVectors("sparse", sparses), column.NewColumnVarChar("extra", extras),
	}
}

func keysOf(found column.Column) []int64 {
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
	option := mc.NewQueryOption(name).WithFilter(filter).WithOutputFields("id").WithPartitions(partitions...)
	found, err := client.Query(ctx, option.WithLimit(1000).WithConsistencyLevel(entity.ClStrong))
	if err != nil {
		return nil, err
	}
	keys := keysOf(found.GetColumn("id"))
	slices.Sort(keys)
	return keys, nil
}

func count() (int64, error) {
	found, err := client.Query(ctx, mc.NewQueryOption(name).WithOutputFields("count(*)").WithConsistencyLevel(entity.ClStrong))
	if err != nil {
		return 0, err
	}
	return found.GetColumn("count(*)").GetAsInt64(0)
}

func writes() {
	checks.Run("inserts columns and rows", func() error {
		answer, err := client.Insert(ctx, mc.NewColumnBasedInsertOption(name, columns(0, rows)...))
		if err != nil {
			return err
		}
		sparse, _ := entity.NewSliceSparseEmbedding([]uint32{7}, []float32{1})
		row := map[string]any{
			"id": int64(rows), "title": fmt.Sprintf("title %d", rows), "age": int32(0), "is_new": true, "tags": []string{"t0", "u0"},
			"doc": []byte(`{"kind":0}`), "vector": Vector(rows), "sparse": sparse, "extra": "dynamic 0",
		}
		one, err := client.Insert(ctx, mc.NewRowBasedInsertOption(name, row))
		if err != nil {
			return err
		}
		counted, err := count()
		return All(err, Equal([]int64{answer.InsertCount, int64(answer.IDs.Len()), one.InsertCount, counted}, []int64{rows, rows, 1, rows + 1}))
	})
	checks.Run("upserts", func() error {
		changed := columns(5, 6)
		changed[1] = column.NewColumnVarChar("title", []string{"changed"})
		answer, err := client.Upsert(ctx, mc.NewColumnBasedInsertOption(name, changed...))
		if err != nil {
			return err
		}
		found, err := ids(`title == "changed"`)
		return All(err, Equal(answer.UpsertCount, int64(1)), Equal(found, []int64{5}))
	})
	checks.Run("flushes and counts", func() error {
		task, err := client.Flush(ctx, mc.NewFlushOption(name))
		if err != nil {
			return err
		}
		if err = task.Await(ctx); err != nil {
			return err
		}
		stats, err := client.GetCollectionStats(ctx, mc.NewGetCollectionStatsOption(name))
		if err != nil {
			return err
		}
		segments, err := client.GetPersistentSegmentInfo(ctx, mc.NewGetPersistentSegmentInfoOption(name))
		return All(err, Equal(len(stats["row_count"]) > 0, true), Equal(len(segments) > 0, true))
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
		found, err := client.Query(ctx, mc.NewQueryOption(name).WithFilter("id in {keys}").WithTemplateParam("keys", []int64{3, 4}).WithOutputFields("id").WithConsistencyLevel(entity.ClStrong))
		if err != nil {
			return err
		}
		return Equal(found.Len(), 2)
	})
	checks.Run("reads every field back", func() error {
		found, err := client.Get(ctx, mc.NewQueryOption(name).WithIDs(column.NewColumnInt64("id", []int64{9})).WithOutputFields("*", "extra").WithConsistencyLevel(entity.ClStrong))
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
		extra, err := found.GetColumn("extra").GetAsString(0)
		return All(err,
			Equal([]any{get("id"), get("title"), get("age"), get("is_new"), get("tags")}, []any{int64(9), "title 9", int32(9), false, []string{"t0", "u4"}}),
			Equal(get("vector"), entity.FloatVector(Vector(9))), Equal(extra, "dynamic 9"))
	})
}

func searches() {
	near := func(at int) *index.CustomAnnParam {
		param := index.NewCustomAnnParam()
		param.WithExtraParam("ef", at)
		return &param
	}
	checks.Run("searches with a filter and several vectors", func() error {
		option := mc.NewSearchOption(name, 20, []entity.Vector{entity.FloatVector(Vector(7)), entity.FloatVector(Vector(8))})
		found, err := client.Search(ctx, option.WithANNSField("vector").WithFilter(`age >= 8 and tags[0] == "t2"`).WithAnnParam(near(64)).
			WithOutputFields("age", "title", "extra", "doc").WithConsistencyLevel(entity.ClStrong))
		if err != nil {
			return err
		}
		title, err := found[1].GetColumn("title").GetAsString(0)
		return All(err, Equal([]int{len(found), found[0].ResultCount, found[1].ResultCount}, []int{2, 20, 20}),
			Equal(keysOf(found[1].IDs)[0], int64(8)), Equal(title, "title 8"))
	})
	checks.Run("searches a range", func() error {
		param := index.NewCustomAnnParam()
		param.WithRadius(1)
		param.WithRangeFilter(0)
		found, err := client.Search(ctx, mc.NewSearchOption(name, 100, []entity.Vector{entity.FloatVector(Vector(7))}).WithANNSField("vector").WithAnnParam(param))
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
		found, err := client.Search(ctx, mc.NewSearchOption(name, 5, []entity.Vector{entity.FloatVector(Vector(7))}).WithANNSField("vector").WithGroupByField("age"))
		if err != nil {
			return err
		}
		seen := keysOf(found[0].GroupByValue)
		slices.Sort(seen)
		return Equal(len(slices.Compact(seen)), 5)
	})
	checks.Run("iterates over a search", func() error {
		pages, err := client.SearchIterator(ctx, mc.NewSearchIteratorOption(name, entity.FloatVector(Vector(7))).WithANNSField("vector").WithBatchSize(50).WithIteratorLimit(180).WithOutputFields("id"))
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
			keys = append(keys, keysOf(page.IDs)...)
		}
		first := keys[0]
		slices.Sort(keys)
		return Equal([]int{int(first), len(keys), len(slices.Compact(keys))}, []int{7, 180, 180})
	})
	checks.Run("searches hybrid", func() error {
		sparse, _ := entity.NewSliceSparseEmbedding([]uint32{11}, []float32{1})
		requests := []*mc.AnnRequest{mc.NewAnnRequest("vector", 10, entity.FloatVector(Vector(11))), mc.NewAnnRequest("sparse", 10, sparse)}
		for _, ranker := range []mc.Reranker{mc.NewRRFReranker(), mc.NewWeightedReranker([]float64{0.7, 0.3})} {
			found, err := client.HybridSearch(ctx, mc.NewHybridSearchOption(name, 5, requests...).WithReranker(ranker).WithOutputFields("title"))
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
		if err := client.CreatePartition(ctx, mc.NewCreatePartitionOption(name, "later")); err != nil {
			return err
		}
		task, err := client.LoadPartitions(ctx, mc.NewLoadPartitionsOption(name, "later"))
		if err != nil {
			return err
		}
		if err = task.Await(ctx); err != nil {
			return err
		}
		_, err = client.Insert(ctx, mc.NewColumnBasedInsertOption(name, columns(9000, 9001)...).WithPartition("later"))
		if err != nil {
			return err
		}
		inside, insideErr := ids("id >= 0", "later")
		names, err := client.ListPartitions(ctx, mc.NewListPartitionOption(name))
		slices.Sort(names)
		err = All(err, insideErr, Equal(inside, []int64{9000}), Equal(names, []string{"_default", "later"}))
		if err != nil {
			return err
		}
		err = All(client.ReleasePartitions(ctx, mc.NewReleasePartitionsOptions(name, "later")), client.DropPartition(ctx, mc.NewDropPartitionOption(name, "later")))
		has, hasErr := client.HasPartition(ctx, mc.NewHasPartitionOption(name, "later"))
		return All(err, hasErr, Equal(has, false))
	})
	checks.Run("gives it other names", func() error {
		if err := client.CreateAlias(ctx, mc.NewCreateAliasOption(name, "current")); err != nil {
			return err
		}
		described, err := client.DescribeAlias(ctx, mc.NewDescribeAliasOption("current"))
		if err != nil {
			return err
		}
		listed, err := client.ListAliases(ctx, mc.NewListAliasesOption(name))
		return All(err, Equal(described.CollectionName, name), Equal(listed, []string{"current"}),
			client.AlterAlias(ctx, mc.NewAlterAliasOption("current", name)), client.DropAlias(ctx, mc.NewDropAliasOption("current")),
			client.RenameCollection(ctx, mc.NewRenameCollectionOption(name, "renamed")),
			client.RenameCollection(ctx, mc.NewRenameCollectionOption("renamed", name)))
	})
	checks.Run("changes properties and fields", func() error {
		err := All(
			client.AlterCollectionProperties(ctx, mc.NewAlterCollectionPropertiesOption(name).WithProperty("collection.ttl.seconds", 86400)),
			client.AlterCollectionFieldProperty(ctx, mc.NewAlterCollectionFieldPropertiesOption(name, "title").WithProperty("max_length", 128)),
			client.AddCollectionField(ctx, mc.NewAddCollectionFieldOption(name, entity.NewField().WithName("note").WithDataType(entity.FieldTypeVarChar).WithMaxLength(32).WithNullable(true))),
		)
		described, describeErr := client.DescribeCollection(ctx, mc.NewDescribeCollectionOption(name))
		if err = All(err, describeErr); err != nil {
			return err
		}
		return All(Equal(described.Properties["collection.ttl.seconds"], "86400"), Equal(described.Schema.Fields[8].Name, "note"))
	})
	checks.Run("deletes by keys and by filter", func() error {
		_, first := client.Delete(ctx, mc.NewDeleteOption(name).WithInt64IDs("id", []int64{0, 1, 2}))
		_, second := client.Delete(ctx, mc.NewDeleteOption(name).WithExpr(`age >= 25 and extra == "dynamic 7"`))
		left := Where(3, rows+1, func(at int) bool { return !(at%50 >= 25 && at%10 == 7) })
		found, err := ids("id >= 0")
		counted, countErr := count()
		return All(first, second, err, countErr, Equal(found, left), Equal(counted, int64(len(left))))
	})
	checks.Run("refuses what is wrong", func() error {
		_, nobody := client.DescribeCollection(ctx, mc.NewDescribeCollectionOption("nobody"))
		_, wrong := ids("age >")
		_, dim := client.Search(ctx, mc.NewSearchOption(name, 1, []entity.Vector{entity.FloatVector([]float32{1})}).WithANNSField("vector"))
		return All(Refused(nobody), Refused(wrong), Refused(dim))
	})
	checks.Run("says how it is", func() error {
		groups, err := client.ListResourceGroups(ctx, mc.NewListResourceGroupsOption())
		if err != nil {
			return err
		}
		replicas, err := client.DescribeReplica(ctx, mc.NewDescribeReplicaOption(name))
		return All(err, Equal(len(groups) > 0, true), Equal(len(replicas), 1))
	})
}

func drops() {
	checks.Run("releases and drops everything", func() error {
		err := All(
			client.ReleaseCollection(ctx, mc.NewReleaseCollectionOption(name)),
			client.DropIndex(ctx, mc.NewDropIndexOption(name, "age")),
			client.DropCollection(ctx, mc.NewDropCollectionOption(name)),
		)
		names, listErr := client.ListCollections(ctx, mc.NewListCollectionOption())
		return All(err, listErr, Equal(len(names), 0), client.UseDatabase(ctx, mc.NewUseDatabaseOption("default")),
			client.DropDatabase(ctx, mc.NewDropDatabaseOption(database)), client.Close(ctx))
	})
}

func users(address string) {
	open := func(user, password string) (*mc.Client, error) {
		return mc.New(ctx, &mc.ClientConfig{Address: address, Username: user, Password: password})
	}
	const user, role, group, kept = "go_reader", "go_readers", "go_group", "go_kept"
	checks.Run("lets in users, and what they were granted", func() error {
		_, nobody := open("", "")
		_, wrong := open("root", "wrong")
		root, err := open("root", "Milvus")
		if err = All(Refused(nobody), Refused(wrong), err); err != nil {
			return err
		}
		err = All(
			root.CreateUser(ctx, mc.NewCreateUserOption(user, "Secret_1")), root.CreateRole(ctx, mc.NewCreateRoleOption(role)),
			root.GrantRole(ctx, mc.NewGrantRoleOption(user, role)),
			root.CreatePrivilegeGroup(ctx, mc.NewCreatePrivilegeGroupOption(group)),
			root.AddPrivilegesToGroup(ctx, mc.NewAddPrivilegesToGroupOption(group, "Query", "Search")),
			root.CreateCollection(ctx, mc.SimpleCreateCollectionOptions(kept, Dim)),
			root.GrantV2(ctx, mc.NewGrantV2Option(role, group, "default", kept)),
			root.GrantPrivilegeV2(ctx, mc.NewGrantPrivilegeV2Option(role, "DescribeCollection", kept)),
		)
		if err != nil {
			return err
		}
		reader, err := open(user, "Secret_1")
		if err != nil {
			return err
		}
		_, queried := reader.Query(ctx, mc.NewQueryOption(kept).WithFilter("id >= 0").WithOutputFields("id"))
		dropped := reader.DropCollection(ctx, mc.NewDropCollectionOption(kept))
		described, err := root.DescribeUser(ctx, mc.NewDescribeUserOption(user))
		if err = All(queried, Refused(dropped), err, Equal(described.Roles, []string{role})); err != nil {
			return err
		}
		grants, err := root.DescribeRole(ctx, mc.NewDescribeRoleOption(role))
		if err = All(err, Equal(len(grants.Privileges), 2)); err != nil {
			return err
		}
		meta, err := root.BackupRBAC(ctx, mc.NewBackupRBACOption())
		if err = All(err, Equal(len(meta.Users) > 0, true)); err != nil {
			return err
		}
		err = All(
			root.UpdatePassword(ctx, mc.NewUpdatePasswordOption(user, "Secret_1", "Secret_2")),
			root.RevokeV2(ctx, mc.NewRevokeV2Option(role, group, "default", kept)),
			root.RevokePrivilegeV2(ctx, mc.NewRevokePrivilegeV2Option(role, "DescribeCollection", kept)),
			root.RevokeRole(ctx, mc.NewRevokeRoleOption(user, role)), root.DropUser(ctx, mc.NewDropUserOption(user)),
			root.DropRole(ctx, mc.NewDropRoleOption(role)), root.DropPrivilegeGroup(ctx, mc.NewDropPrivilegeGroupOption(group)),
			root.DropCollection(ctx, mc.NewDropCollectionOption(kept)),
		)
		names, listErr := root.ListUsers(ctx, mc.NewListUserOption())
		_, gone := open(user, "Secret_2")
		return All(err, listErr, Equal(slices.Contains(names, user), false), Refused(gone), reader.Close(ctx), root.Close(ctx))
	})
}
