/** The protocol of CloudFormation's custom resources: one answer by PUT, whatever happens. */
import type { CloudFormationCustomResourceEvent } from 'aws-lambda';

export type Attributes = Readonly<Record<string, string>>;

/**
 * Runs the work of one custom resource. A deletion needs none: what was looked up or migrated stays. An error is
 * reported to CloudFormation, which shows it to whoever deploys; without an answer it would wait for its timeout.
 */
export function answering(work: (properties: Readonly<Record<string, unknown>>) => Promise<Attributes>) {
  return async (event: CloudFormationCustomResourceEvent): Promise<void> => {
    try {
      const data = event.RequestType === 'Delete' ? {} : await work(event.ResourceProperties);
      await answer(event, { Status: 'SUCCESS', Data: data });
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      await answer(event, { Status: 'FAILED', Reason: reason });
    }
  };
}

interface Outcome {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason?: string;
  readonly Data?: Attributes;
}

async function answer(event: CloudFormationCustomResourceEvent, outcome: Outcome): Promise<void> {
  const { StackId, RequestId, LogicalResourceId } = event;
  const body = JSON.stringify({
    ...outcome,
    StackId,
    RequestId,
    LogicalResourceId,
    // The same for ever: another id would make CloudFormation delete this resource's predecessor.
    PhysicalResourceId: LogicalResourceId,
  });
  const response = await fetch(event.ResponseURL, { method: 'PUT', body, headers: { 'content-type': '' } });
  if (!response.ok) throw new Error(`CloudFormation did not take the answer: ${response.status}`);
}
