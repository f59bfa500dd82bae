/** The one module of kafkajs's inside that `kafkajs.ts` corrects; kafkajs ships no types for it. */
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
