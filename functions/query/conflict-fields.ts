/** In which fields a conflict differs from what counts, as far as sealed properties let anybody say. */
import { combineTime } from '../../shared/events/identity.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import type { CountedEvent } from '../../shared/ledger/event-lookup.ts';

/** The fields in which a conflict may differ from what counts. */
type ConflictField = 'metric_name' | 'quantity' | 'timestamp' | 'dimensions' | 'properties';

/** Which fields differ; of the undetermined ones nobody can say, because both sides are sealed. */
export interface ConflictFields {
  readonly different: readonly ConflictField[];
  readonly undetermined: readonly ConflictField[];
}

/** Properties are sealed: they differ if one side has none, or if nothing else that the fingerprint covers does. */
export function conflictFields(event: SealedEvent, first: CountedEvent): ConflictFields {
  const different: ConflictField[] = [];
  if (event.metric !== first.metric) different.push('metric_name');
  if (event.quantity !== first.quantity) different.push('quantity');
  if (timeDiffers(event, first)) different.push('timestamp');
  if (event.dimensions !== first.dimensions) different.push('dimensions');
  const sealed = event.sealed !== null;
  if (sealed !== first.sealed) return { different: [...different, 'properties'], undetermined: [] };
  if (!sealed) return { different, undetermined: [] };
  const others = different.some((field) => field !== 'timestamp');
  if (others) return { different, undetermined: ['properties'] };
  const same = contentOf(event) === contentOf(first);
  return { different: same ? different : [...different, 'properties'], undetermined: [] };
}

/** Two stamps are no difference: neither was sent. */
function timeDiffers(
  event: Pick<SealedEvent, 'eventTimeMs' | 'undated'>,
  first: Pick<CountedEvent, 'eventTimeMs' | 'undated'>,
): boolean {
  return event.eventTimeMs !== first.eventTimeMs && !(event.undated && first.undated);
}

/** The fingerprint without the time that a dated event's is combined with. */
function contentOf({
  fingerprint,
  eventTimeMs,
  undated,
}: Pick<CountedEvent, 'fingerprint' | 'eventTimeMs' | 'undated'>) {
  return undated ? fingerprint : combineTime(fingerprint, eventTimeMs);
}
