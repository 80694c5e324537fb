// Tasks of builds of graphs that worker threads run by name; `worker-tasks.ts` spreads them into the one registry.
import { codeFit } from './code-fit.js';
import { graphCountLinks, graphMend } from './graph-mend.js';
import { graphOrder } from './graph-order.js';
import { graphEncode, graphFill, graphInsert, graphSample } from './graph-tasks.js';
import { graphMergeLinks } from './merge-links.js';
import { meetNewRows, rowCopies } from './row-copies.js';

export const graphBuildTasks = {
  codeFit,
  graphCountLinks,
  graphEncode,
  graphFill,
  graphInsert,
  graphMend,
  graphMergeLinks,
  graphOrder,
  graphSample,
  meetNewRows,
  rowCopies,
};
