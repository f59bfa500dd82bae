/** Request and response bodies of the API, as the client sends and reads them. */

/** A usage event as the API takes it. */
export interface ClientEvent {
  readonly organization_id: string;
  readonly metric_name: string;
  readonly quantity: number | string;
  readonly idempotency_key?: string;
  /** RFC 3339 with an offset. */
  readonly timestamp?: string;
  /** Labels by which totals are kept apart. */
  readonly dimensions?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, unknown>>;
}

export interface RejectedEvent {
  readonly index: number;
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

/** One receipt for each envelope that a batch reached: that of the event at `indexes[n]` is `<receipt>.<n>`. */
interface BatchReceipt {
  readonly receipt: string;
  readonly indexes: readonly number[];
}

/** The answer to a batch. */
export interface BatchResult {
  readonly accepted: number;
  readonly rejected: readonly RejectedEvent[];
  readonly receipts: readonly BatchReceipt[];
}

export interface SummaryBody {
  readonly organization_id: string;
  readonly start_date: string;
  readonly end_date: string;
  readonly timezone: string;
  readonly metrics: readonly {
    readonly metric_name: string;
    readonly total_quantity: string;
    readonly event_count: number;
  }[];
  readonly freshness: {
    /** When the log was looked at last; null: not yet. What follows is as of then. */
    readonly observed_at: string | null;
    /** Everything acknowledged before is in the totals. */
    readonly complete_through: string | null;
    /** Whether something of the organization is accepted and not counted; null: not known. */
    readonly in_flight: boolean | null;
    /** Everything acknowledged before `observed_at` is in the totals. */
    readonly complete: boolean;
  };
}
