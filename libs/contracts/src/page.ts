import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

/** The params of every list. */
export class PageRequest {
  /** How many at the most: 1 to 200, default 50. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(200)
  readonly limit?: number;

  /** `page.nextCursor` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(512)
  readonly cursor?: string;
}

/** How many things a page holds when `limit` is not given. */
export const DEFAULT_PAGE_SIZE = 50;

/** What a list tells of the page that it answers. */
export class Page {
  /** To be given as `cursor` for the next page; null at the end. */
  readonly nextCursor!: string | null;
}
