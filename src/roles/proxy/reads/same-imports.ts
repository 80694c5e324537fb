// Shards come to serve an import one after another. A read sees it in all of them or in none: where one saw rows of an import that another does not
// know yet, it is asked again without them. Nobody waits: what each shard knows it can leave out.
import type { ShardSearchResponse } from '#proto/elanus/roles.js';

/** What the answer of a shard says of the imports that it read. */
type OfImports = Pick<ShardSearchResponse, 'importsKnown' | 'importsSeen'>;

/** @param ask the shard, without imports that were committed after that time; undefined: with all that it knows */
export async function askAlike<Answer extends OfImports>(
  shards: readonly string[],
  ask: (vchannel: string, shard: number, importsUntil: bigint | undefined) => Promise<Answer>,
): Promise<Answer[]> {
  let answers = await Promise.all(shards.map((vchannel, shard) => ask(vchannel, shard, undefined)));
  // Ends: it is another round only where some shard knows less than any did before.
  for (
    let until = known(answers);
    answers.some(({ importsSeen }) => importsSeen > until);
    until = known(answers)
  )
    answers = await Promise.all(
      answers.map((answer, shard) => {
        const vchannel = shards[shard];
        return answer.importsSeen > until && vchannel !== undefined ? ask(vchannel, shard, until) : answer;
      }),
    );
  return answers;
}

const known = (answers: readonly OfImports[]): bigint =>
  answers.reduce(
    (least, { importsKnown }) => (importsKnown < least ? importsKnown : least),
    answers[0]?.importsKnown ?? 0n,
  );
