/**
 * Something that the user can put right: the message is a whole sentence with the remedy, shown without a
 * stack. Everything else that is thrown is a defect of ours and is shown in full.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}
