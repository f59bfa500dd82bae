/** The use case: what changed on each shard, or when keys were used, which one shard stores. */
import { type ApiKeyQuestion, toMessage } from '../../shared/callers/api-key-message.ts';
import type { ApiKeySource } from '../../shared/callers/api-key-source.ts';

export async function answerQuestion(source: ApiKeySource, question: ApiKeyQuestion): Promise<unknown> {
  if ('places' in question) return toMessage(await source.changes(question.places));
  await source.noteUses(question.uses);
  return null;
}
