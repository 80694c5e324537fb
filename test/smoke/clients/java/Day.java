// A day of the Java client (io.milvus:milvus-sdk-java), unmodified, in a database of its own; then users, on a server that asks for them.
// Usage: java -cp CLASSES Day.java ADDRESS ADDRESS-WITH-USERS
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.milvus.v2.client.ConnectConfig;
import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.common.ConsistencyLevel;
import io.milvus.v2.common.DataType;
import io.milvus.v2.common.IndexParam;
import io.milvus.v2.common.IndexParam.IndexType;
import io.milvus.v2.common.IndexParam.MetricType;
import io.milvus.v2.service.collection.request.*;
import io.milvus.v2.service.database.request.*;
import io.milvus.v2.service.index.request.*;
import io.milvus.v2.service.partition.request.*;
import io.milvus.v2.service.rbac.request.*;
import io.milvus.v2.service.utility.request.*;
import io.milvus.v2.service.vector.request.*;
import io.milvus.v2.service.vector.request.data.BaseVector;
import io.milvus.v2.service.vector.request.data.FloatVec;
import io.milvus.v2.service.vector.request.data.SparseFloatVec;
import io.milvus.v2.service.vector.request.ranker.RRFRanker;
import io.milvus.v2.service.vector.request.ranker.WeightedRanker;
import io.milvus.v2.service.vector.response.SearchResp.SearchResult;
import java.util.*;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

public class Day {
  interface Step {
    void run() throws Exception;
  }

  static final int DIM = 8;
  static final int ROWS = 300;
  static final String NAME = "articles";
  static final String DATABASE = "java_client";
  static int passed = 0;
  static int failed = 0;
  static MilvusClientV2 client;

  static void check(String name, Step step) {
    long begin = System.nanoTime();
    try {
      step.run();
      passed++;
      System.out.printf("  ok    java %s (%d ms)%n", name, (System.nanoTime() - begin) / 1_000_000);
    } catch (Throwable error) {
      failed++;
      System.out.printf("  FAIL  java %s%n", name);
      error.printStackTrace(System.out);
    }
  }

  static void equal(Object actual, Object expected) {
    if (!Objects.equals(actual, expected)) throw new AssertionError(actual + ", expected " + expected);
  }

  static void refused(Step step) {
    try {
      step.run();
    } catch (Exception error) {
      return;
    }
    throw new AssertionError("expected an exception, none came");
  }

  static List<Float> vector(int at) {
    List<Float> values = new ArrayList<>();
    for (int i = 0; i < DIM; i++) values.add((float) Math.sin(at * DIM + i + 1));
    return values;
  }

  static SortedMap<Long, Float> sparse(int at) {
    return new TreeMap<>(Map.of((long) at, 1f, (long) at + 1000, 0.5f));
  }

  static JsonObject row(int at) {
    JsonObject row = new JsonObject();
    row.addProperty("id", at);
    row.addProperty("title", "title " + at);
    row.addProperty("age", at % 50);
    row.addProperty("is_new", at % 2 == 0);
    JsonArray tags = new JsonArray();
    tags.add("t" + at % 3);
    tags.add("u" + at % 5);
    row.add("tags", tags);
    row.add("doc", JsonParser.parseString(String.format("{\"kind\":%d,\"deep\":{\"x\":%d}}", at % 4, at)));
    JsonArray values = new JsonArray();
    vector(at).forEach(values::add);
    row.add("vector", values);
    JsonObject weights = new JsonObject();
    sparse(at).forEach((key, weight) -> weights.addProperty(key.toString(), weight));
    row.add("sparse", weights);
    row.addProperty("extra", "dynamic " + at % 10);
    return row;
  }

  static List<JsonObject> rows(int begin, int end) {
    return IntStream.range(begin, end).mapToObj(Day::row).collect(Collectors.toList());
  }

  static List<Long> where(int begin, int end, IntPredicate keep) {
    return IntStream.range(begin, end).filter(keep).mapToObj(at -> (long) at).collect(Collectors.toList());
  }

  static List<Long> ids(String filter, String... partitions) {
    return client
        .query(
            QueryReq.builder().collectionName(NAME).filter(filter).outputFields(List.of("id")).limit(1000)
                .partitionNames(List.of(partitions)).consistencyLevel(ConsistencyLevel.STRONG).build())
        .getQueryResults().stream().map(found -> (Long) found.getEntity().get("id")).sorted()
        .collect(Collectors.toList());
  }

  static long count() {
    QueryReq request =
        QueryReq.builder().collectionName(NAME).filter("").outputFields(List.of("count(*)"))
            .consistencyLevel(ConsistencyLevel.STRONG).build();
    return (Long) client.query(request).getQueryResults().get(0).getEntity().get("count(*)");
  }

  static AddFieldReq field(String name, DataType type) {
    return AddFieldReq.builder().fieldName(name).dataType(type).build();
  }

  static IndexParam index(String field, IndexType type, MetricType metric) {
    return IndexParam.builder().fieldName(field).indexName(field).indexType(type).metricType(metric).build();
  }

  static void definitions(String address) {
    check("connects", () -> {
      client = new MilvusClientV2(ConnectConfig.builder().uri("http://" + address).build());
      equal(client.getServerVersion().isEmpty(), false);
      equal(client.checkHealth().getIsHealthy(), true);
    });
    check("makes a database and uses it", () -> {
      client.createDatabase(CreateDatabaseReq.builder().databaseName(DATABASE).build());
      client.useDatabase(DATABASE);
      equal(client.listDatabases().getDatabaseNames().contains(DATABASE), true);
    });
    check("creates a collection of every kind of field", () -> {
      CreateCollectionReq.CollectionSchema schema = MilvusClientV2.CreateSchema();
      schema.setEnableDynamicField(true);
      schema.addField(AddFieldReq.builder().fieldName("id").dataType(DataType.Int64).isPrimaryKey(true).autoID(false).build());
      schema.addField(AddFieldReq.builder().fieldName("title").dataType(DataType.VarChar).maxLength(64).build());
      schema.addField(field("age", DataType.Int32));
      schema.addField(field("is_new", DataType.Bool));
      schema.addField(
          AddFieldReq.builder().fieldName("tags").dataType(DataType.Array).elementType(DataType.VarChar).maxCapacity(8)
              .maxLength(16).build());
      schema.addField(field("doc", DataType.JSON));
      schema.addField(AddFieldReq.builder().fieldName("vector").dataType(DataType.FloatVector).dimension(DIM).build());
      schema.addField(field("sparse", DataType.SparseFloatVector));
      client.createCollection(
          CreateCollectionReq.builder().collectionName(NAME).description("a day").collectionSchema(schema)
              .consistencyLevel(ConsistencyLevel.STRONG).build());
      equal(client.hasCollection(HasCollectionReq.builder().collectionName(NAME).build()), true);
      equal(client.hasCollection(HasCollectionReq.builder().collectionName("nobody").build()), false);
    });
    check("describes it", () -> {
      var described = client.describeCollection(DescribeCollectionReq.builder().collectionName(NAME).build());
      equal(described.getFieldNames(), List.of("id", "title", "age", "is_new", "tags", "doc", "vector", "sparse"));
      equal(described.getVectorFieldNames(), List.of("vector", "sparse"));
      equal(described.getEnableDynamicField(), true);
      equal(described.getDescription(), "a day");
      equal(described.getConsistencyLevel(), ConsistencyLevel.STRONG);
    });
    check("builds indexes", () -> {
      IndexParam near =
          IndexParam.builder().fieldName("vector").indexName("near").indexType(IndexType.HNSW).metricType(MetricType.L2)
              .extraParams(Map.of("M", 8, "efConstruction", 64)).build();
      client.createIndex(
          CreateIndexReq.builder().collectionName(NAME)
              .indexParams(
                  List.of(
                      near, index("sparse", IndexType.SPARSE_INVERTED_INDEX, MetricType.IP), index("age", IndexType.STL_SORT, null),
                      index("title", IndexType.TRIE, null), index("tags", IndexType.INVERTED, null)))
              .build());
      var found =
          client.describeIndex(DescribeIndexReq.builder().collectionName(NAME).fieldName("vector").build()).getIndexDescriptions().get(0);
      equal(List.of(found.getIndexName(), found.getIndexType(), found.getMetricType()), List.of("near", IndexType.HNSW, MetricType.L2));
      List<String> names = new ArrayList<>(client.listIndexes(ListIndexesReq.builder().collectionName(NAME).build()));
      Collections.sort(names);
      equal(names, List.of("age", "near", "sparse", "tags", "title"));
    });
    check("loads", () -> {
      client.loadCollection(LoadCollectionReq.builder().collectionName(NAME).build());
      equal(client.getLoadState(GetLoadStateReq.builder().collectionName(NAME).build()), true);
    });
  }

  static void writes() {
    check("inserts rows", () -> {
      var answer = client.insert(InsertReq.builder().collectionName(NAME).data(rows(0, ROWS)).build());
      equal(List.of(answer.getInsertCnt(), (long) answer.getPrimaryKeys().size(), count()), List.of(300L, 300L, 300L));
    });
    check("upserts", () -> {
      JsonObject changed = row(5);
      changed.addProperty("title", "changed");
      var answer = client.upsert(UpsertReq.builder().collectionName(NAME).data(List.of(changed, row(ROWS))).build());
      equal(answer.getUpsertCnt(), 2L);
      equal(ids("title == \"changed\""), List.of(5L));
    });
    check("flushes and counts", () -> {
      client.flush(FlushReq.builder().collectionNames(List.of(NAME)).build());
      var stats = client.getCollectionStats(GetCollectionStatsReq.builder().collectionName(NAME).build());
      equal(stats.getNumOfEntities() > ROWS, true);
      var segments = client.getPersistentSegmentInfo(GetPersistentSegmentInfoReq.builder().collectionName(NAME).build());
      equal(segments.getSegmentInfos().isEmpty(), false);
      client.getQuerySegmentInfo(GetQuerySegmentInfoReq.builder().collectionName(NAME).build());
    });
    check("queries with filters", () -> {
      equal(ids("age > 10 and age <= 12"), where(0, ROWS + 1, at -> at % 50 == 11 || at % 50 == 12));
      equal(ids("array_contains(tags, \"t1\") and id < 30"), where(0, 30, at -> at % 3 == 1));
      equal(ids("doc[\"kind\"] == 2 and doc[\"deep\"][\"x\"] < 20"), where(0, 20, at -> at % 4 == 2));
      equal(ids("extra == \"dynamic 7\""), where(0, ROWS + 1, at -> at % 10 == 7));
      equal(ids("title like \"title 1%\" and is_new == true and id < 20"), List.of(10L, 12L, 14L, 16L, 18L));
      equal(ids("id in [1, 2, 100000]"), List.of(1L, 2L));
      QueryReq templated =
          QueryReq.builder().collectionName(NAME).filter("id in {keys}").filterTemplateValues(Map.of("keys", List.of(3L, 4L)))
              .outputFields(List.of("id")).build();
      equal(client.query(templated).getQueryResults().size(), 2);
    });
    check("reads every field back", () -> {
      var entity =
          client.get(GetReq.builder().collectionName(NAME).ids(List.of(9L)).outputFields(List.of("*", "extra")).build())
              .getGetResults().get(0).getEntity();
      equal(
          Arrays.asList(entity.get("id"), entity.get("title"), entity.get("age"), entity.get("is_new"), entity.get("tags")),
          List.of(9L, "title 9", 9, false, List.of("t0", "u4")));
      equal(String.valueOf(entity.get("doc")), "{\"kind\":1,\"deep\":{\"x\":9}}");
      equal(entity.get("vector"), vector(9));
      equal(entity.get("sparse"), sparse(9));
      equal(entity.get("extra"), "dynamic 9");
    });
    check("iterates over a query", () -> {
      var pages =
          client.queryIterator(
              QueryIteratorReq.builder().collectionName(NAME).expr("age < 40").batchSize(70L).outputFields(List.of("id"))
                  .consistencyLevel(ConsistencyLevel.STRONG).build());
      List<Long> found = new ArrayList<>();
      for (var page = pages.next(); !page.isEmpty(); page = pages.next()) page.forEach(one -> found.add((Long) one.get("id")));
      pages.close();
      Collections.sort(found);
      equal(found, where(0, ROWS + 1, at -> at % 50 < 40));
    });
  }

  static SearchReq.SearchReqBuilder<?, ?> search(int limit, int... ats) {
    List<BaseVector> data = IntStream.of(ats).mapToObj(at -> new FloatVec(vector(at))).collect(Collectors.toList());
    return SearchReq.builder().collectionName(NAME).annsField("vector").data(data).limit(limit)
        .consistencyLevel(ConsistencyLevel.STRONG);
  }

  static void searches() {
    check("searches with a filter and several vectors", () -> {
      List<List<SearchResult>> found =
          client.search(
              search(20, 7, 8).filter("age >= 8 and tags[0] == \"t2\"").searchParams(Map.of("ef", 64))
                  .outputFields(List.of("age", "title", "extra", "doc")).build()).getSearchResults();
      equal(found.stream().map(List::size).collect(Collectors.toList()), List.of(20, 20));
      SearchResult first = found.get(1).get(0);
      equal(List.of(first.getId(), first.getEntity().get("title"), first.getEntity().get("extra")), List.of(8L, "title 8", "dynamic 8"));
    });
    check("searches a range", () -> {
      var found = client.search(search(100, 7).searchParams(Map.of("radius", 1, "range_filter", 0)).build()).getSearchResults().get(0);
      equal(!found.isEmpty() && found.stream().allMatch(hit -> hit.getScore() >= 0 && hit.getScore() < 1), true);
    });
    check("groups hits by a field", () -> {
      var found = client.search(search(5, 7).groupByFieldName("age").outputFields(List.of("age")).build()).getSearchResults().get(0);
      equal(found.stream().map(hit -> hit.getEntity().get("age")).distinct().count(), 5L);
    });
    check("iterates over a search", () -> {
      var pages =
          client.searchIteratorV2(
              SearchIteratorReqV2.builder().collectionName(NAME).vectorFieldName("vector").vectors(List.of(new FloatVec(vector(7))))
                  .metricType(MetricType.L2).batchSize(50L).limit(180L).outputFields(List.of("id"))
                  .consistencyLevel(ConsistencyLevel.STRONG).build());
      List<Object> found = new ArrayList<>();
      for (var page = pages.next(); !page.isEmpty(); page = pages.next()) page.forEach(hit -> found.add(hit.getId()));
      pages.close();
      equal(List.of(found.get(0), found.size(), new HashSet<>(found).size()), List.of(7L, 180, 180));
    });
    check("searches hybrid", () -> {
      List<AnnSearchReq> requests =
          List.of(
              AnnSearchReq.builder().vectorFieldName("vector").vectors(List.of(new FloatVec(vector(11)))).metricType(MetricType.L2)
                  .params("{\"ef\":32}").limit(10).build(),
              AnnSearchReq.builder().vectorFieldName("sparse").vectors(List.of(new SparseFloatVec(new TreeMap<>(Map.of(11L, 1f)))))
                  .metricType(MetricType.IP).limit(10).build());
      for (CreateCollectionReq.Function ranker :
          List.of(RRFRanker.builder().k(60).build(), WeightedRanker.builder().weights(List.of(0.7f, 0.3f)).build())) {
        var found =
            client.hybridSearch(
                HybridSearchReq.builder().collectionName(NAME).searchRequests(requests).ranker(ranker).limit(5)
                    .outFields(List.of("title")).consistencyLevel(ConsistencyLevel.STRONG).build());
        equal(found.getSearchResults().get(0).get(0).getId(), 11L);
      }
    });
  }

  static void changes() {
    check("keeps partitions", () -> {
      client.createPartition(CreatePartitionReq.builder().collectionName(NAME).partitionName("later").build());
      client.loadPartitions(LoadPartitionsReq.builder().collectionName(NAME).partitionNames(List.of("later")).build());
      client.insert(InsertReq.builder().collectionName(NAME).partitionName("later").data(rows(9000, 9001)).build());
      equal(ids("id >= 0", "later"), List.of(9000L));
      equal(new TreeSet<>(client.listPartitions(ListPartitionsReq.builder().collectionName(NAME).build())), Set.of("_default", "later"));
      client.getPartitionStats(GetPartitionStatsReq.builder().collectionName(NAME).partitionName("later").build());
      client.releasePartitions(ReleasePartitionsReq.builder().collectionName(NAME).partitionNames(List.of("later")).build());
      client.dropPartition(DropPartitionReq.builder().collectionName(NAME).partitionName("later").build());
      equal(client.hasPartition(HasPartitionReq.builder().collectionName(NAME).partitionName("later").build()), false);
    });
    check("gives it other names", () -> {
      client.createAlias(CreateAliasReq.builder().collectionName(NAME).alias("current").build());
      equal(client.describeAlias(DescribeAliasReq.builder().alias("current").build()).getCollectionName(), NAME);
      equal(client.listAliases(ListAliasesReq.builder().collectionName(NAME).build()).getAlias(), List.of("current"));
      client.alterAlias(AlterAliasReq.builder().collectionName(NAME).alias("current").build());
      client.dropAlias(DropAliasReq.builder().alias("current").build());
      client.renameCollection(RenameCollectionReq.builder().collectionName(NAME).newCollectionName("renamed").build());
      client.renameCollection(RenameCollectionReq.builder().collectionName("renamed").newCollectionName(NAME).build());
    });
    check("changes properties and fields", () -> {
      client.alterCollectionProperties(
          AlterCollectionPropertiesReq.builder().collectionName(NAME).properties(Map.of("collection.ttl.seconds", "86400")).build());
      client.alterCollectionField(
          AlterCollectionFieldReq.builder().collectionName(NAME).fieldName("title").properties(Map.of("max_length", "128")).build());
      client.addCollectionField(
          AddCollectionFieldReq.builder().collectionName(NAME).fieldName("note").dataType(DataType.VarChar).maxLength(32)
              .isNullable(true).build());
      var described = client.describeCollection(DescribeCollectionReq.builder().collectionName(NAME).build());
      equal(described.getProperties().get("collection.ttl.seconds"), "86400");
      equal(described.getFieldNames().contains("note"), true);
    });
    check("deletes by keys and by filter", () -> {
      client.delete(DeleteReq.builder().collectionName(NAME).ids(List.of(0L, 1L, 2L)).build());
      client.delete(DeleteReq.builder().collectionName(NAME).filter("age >= 25 and extra == \"dynamic 7\"").build());
      List<Long> left = where(3, ROWS + 1, at -> !(at % 50 >= 25 && at % 10 == 7));
      equal(ids("id >= 0"), left);
      equal(count(), (long) left.size());
    });
    check("refuses what is wrong", () -> {
      refused(() -> client.describeCollection(DescribeCollectionReq.builder().collectionName("nobody").build()));
      refused(() -> ids("age >"));
      refused(() -> client.search(SearchReq.builder().collectionName(NAME).annsField("vector").data(List.of(new FloatVec(List.of(1f)))).limit(1).build()));
    });
  }

  static void drops() {
    check("releases and drops everything", () -> {
      client.releaseCollection(ReleaseCollectionReq.builder().collectionName(NAME).build());
      client.dropIndex(DropIndexReq.builder().collectionName(NAME).indexName("age").build());
      client.dropCollection(DropCollectionReq.builder().collectionName(NAME).build());
      equal(client.listCollections().getCollectionNames(), List.of());
      client.useDatabase("default");
      client.dropDatabase(DropDatabaseReq.builder().databaseName(DATABASE).build());
      client.close();
    });
  }

  static MilvusClientV2 open(String address, String token) {
    return new MilvusClientV2(ConnectConfig.builder().uri("http://" + address).token(token).rpcDeadlineMs(20_000).build());
  }

  static void users(String address) {
    check("lets in users, and what they were granted", () -> {
      String user = "java_reader", role = "java_readers", group = "java_group", kept = "java_kept";
      refused(() -> open(address, "root:wrong"));
      MilvusClientV2 root = open(address, "root:Milvus");
      root.createUser(CreateUserReq.builder().userName(user).password("Secret_1").build());
      root.createRole(CreateRoleReq.builder().roleName(role).build());
      root.grantRole(GrantRoleReq.builder().userName(user).roleName(role).build());
      root.createPrivilegeGroup(CreatePrivilegeGroupReq.builder().groupName(group).build());
      root.addPrivilegesToGroup(AddPrivilegesToGroupReq.builder().groupName(group).privileges(List.of("Query", "DescribeCollection")).build());
      root.createCollection(CreateCollectionReq.builder().collectionName(kept).dimension(DIM).build());
      root.grantPrivilegeV2(GrantPrivilegeReqV2.builder().roleName(role).privilege(group).dbName("default").collectionName(kept).build());
      MilvusClientV2 reader = open(address, user + ":Secret_1");
      reader.query(QueryReq.builder().collectionName(kept).filter("id >= 0").outputFields(List.of("id")).build());
      refused(() -> reader.dropCollection(DropCollectionReq.builder().collectionName(kept).build()));
      equal(root.describeUser(DescribeUserReq.builder().userName(user).build()).getRoles(), List.of(role));
      equal(root.describeRole(DescribeRoleReq.builder().roleName(role).build()).getGrantInfos().size(), 1);
      root.updatePassword(UpdatePasswordReq.builder().userName(user).password("Secret_1").newPassword("Secret_2").build());
      root.revokePrivilegeV2(RevokePrivilegeReqV2.builder().roleName(role).privilege(group).dbName("default").collectionName(kept).build());
      root.revokeRole(RevokeRoleReq.builder().userName(user).roleName(role).build());
      root.dropUser(DropUserReq.builder().userName(user).build());
      root.dropRole(DropRoleReq.builder().roleName(role).build());
      root.dropPrivilegeGroup(DropPrivilegeGroupReq.builder().groupName(group).build());
      root.dropCollection(DropCollectionReq.builder().collectionName(kept).build());
      equal(root.listUsers().contains(user), false);
      refused(() -> open(address, user + ":Secret_2"));
      reader.close();
      root.close();
    });
  }

  public static void main(String[] addresses) {
    definitions(addresses[0]);
    if (client != null) {
      writes();
      searches();
      changes();
      drops();
    }
    users(addresses[1]);
    System.out.printf("%d passed, %d failed%n", passed, failed);
    System.exit(failed == 0 && passed > 0 ? 0 : 1);
  }
}
