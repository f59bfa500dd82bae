/** The two modules of kafkajs's inside that `kafkajs.ts` corrects; kafkajs ships no types for them. */
declare module 'kafkajs/src/protocol/requests/metadata/v0/response.js' {
  interface PartitionMetadata {
    readonly partitionErrorCode: number;
    readonly leader: number;
  }
  interface Metadata {
    readonly topicMetadata: readonly { readonly partitionMetadata: readonly PartitionMetadata[] }[];
  }
  const response: { parse: (data: Metadata) => Promise<Metadata> };
  export = response;
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  class RequestQueue {
    constructor(options: {
      readonly maxInFlightRequests: number;
      readonly requestTimeout: number;
      readonly logger: { readonly debug: () => void };
    });
    readonly pending: readonly unknown[];
    /** Milliseconds since 1970; -1 when the broker has never throttled. */
    throttledUntil: number;
    checkPendingRequests(): void;
    scheduleCheckPendingRequests(): void;
  }
  export = RequestQueue;
}
