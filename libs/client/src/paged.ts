/** A page of a list. */
export interface ListPage<Item, PageInfo> {
  readonly data: readonly Item[];
  readonly page: PageInfo;
}

/** A list: await it for one page, or iterate over it for all of its items, page after page. Nothing is asked before. */
export class Paged<Item, PageInfo extends { readonly nextCursor: string | null }>
  implements PromiseLike<ListPage<Item, PageInfo>>, AsyncIterable<Item>
{
  /** @param ask for the page behind a cursor; for the first one without */
  constructor(private readonly ask: (cursor?: string) => Promise<ListPage<Item, PageInfo>>) {}

  then<Result1 = ListPage<Item, PageInfo>, Result2 = never>(
    onFulfilled?: ((page: ListPage<Item, PageInfo>) => Result1 | PromiseLike<Result1>) | null,
    onRejected?: ((reason: unknown) => Result2 | PromiseLike<Result2>) | null,
  ): Promise<Result1 | Result2> {
    return this.ask().then(onFulfilled, onRejected);
  }

  /** Page by page. */
  async *pages(): AsyncGenerator<ListPage<Item, PageInfo>> {
    let cursor: string | undefined;
    do {
      const page = await this.ask(cursor);
      yield page;
      cursor = page.page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for await (const { data } of this.pages()) yield* data;
  }
}
