// Where clients find how the segments were read: a field of the status that they pass on and do not look at.
import type { SegmentPlan } from '#proto/elanus/roles.js';
import type { Status } from '#proto/milvus/common.js';
import { successStatus } from '#rpc/wire-status.js';
import { explainText } from '#segment/search/search-report.js';

export const explainedStatus = (plans: readonly SegmentPlan[]): Status => ({
  ...successStatus(),
  extraInfo: { 'elanus.explain': explainText(plans) },
});
