// Passes B and C, after all rows are recorded. B decides the windows, gives the kept rows their
// slots and writes their list; C writes the map, the write list and meta; then the counts.
//
// In both a row takes two cycles: its record, then in B the reference's record, in C the
// reference's slot. B's product bound * norm of the reference takes the shared multiplier. C stands
// while a unit of meta waits for wr_ready_i.
// start_i begins, done_o comes with or after the last write. Latency 2 * 2 * rows + 14 cycles.
// Errors: none.
module fvgm_su_emit
  import fvgm_isa_pkg::*;
  import fvgm_su_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic start_i,
  input  su_t  cmd_i,
  input  logic [SuRowBits:0] rows_i,
  output logic done_o,

  output logic record_en_o,
  output logic [SuRowBits-1:0] record_row_o,
  input  record_t record_i,

  output logic mul_valid_o,
  output logic [31:0] mul_a_o,
  output logic [31:0] mul_b_o,
  input  logic [31:0] mul_y_i,

  output logic mb_valid_o,
  output logic [15:0] mb_addr_o,
  output logic [31:0] mb_data_o,

  output logic wr_valid_o,
  input  logic wr_ready_i,
  output logic [19:0] wr_addr_o,
  output logic [127:0] wr_data_o,

  output logic count_valid_o,
  output logic [3:0] count_id_o,
  output logic [SuRowBits:0] count_value_o,
  output logic kept_valid_o  // count_value_o is the number of kept rows
);

  typedef enum logic [2:0] {Idle, Windows, WindowsEnd, Map, MapEnd, Kept, Written} state_e;

  typedef struct packed {
    logic step;
    logic window;
    logic [SuRowBits-1:0] slot;
  } place_t;

  typedef struct packed {
    logic [31:0] square;
    logic use_ref;
    logic dropped;
    logic ref_dropped;
  } pair_t;

  state_e state_q;
  logic odd_q;                    // second cycle of a row
  logic [SuRowBits:0] row_q;      // read
  logic last, go, reading;
  record_t record_q;              // of the row, in the cycle after odd
  logic second_q;                 // record_q holds a row and the reference is there

  assign last = row_q + 11'd1 == rows_i;
  assign go = !wr_valid_o || wr_ready_i;
  assign reading = state_q == Windows || (state_q == Map && go);

  // B: three cycles of the multiplier.
  logic [2:0] product_q;
  pair_t [2:0] pair_q;
  logic is_window, is_step, kept, decided_q, step_q, window_q, kept_q;
  logic [SuRowBits:0] decided_row_q, slots_q;

  assign mul_valid_o = second_q && (state_q == Windows || state_q == WindowsEnd);
  assign mul_a_o = record_q.bound;
  assign mul_b_o = record_i.norm;

  always_comb begin
    is_step = pair_q[2].dropped && !(cmd_i.mask[0] && cmd_i.window[0]);
    is_window = cmd_i.window[0] && pair_q[2].use_ref && !pair_q[2].ref_dropped;
    if (cmd_i.mask[0]) is_window &= pair_q[2].dropped;
    else is_window &= !pair_q[2].dropped && !pair_q[2].square[31]
                      && exceeds(pair_q[2].square[30:0], mul_y_i);
    kept = !is_step && !is_window;
  end

  // C.
  place_t place, place_q;
  logic place_en, entry_q, meta_odd;
  logic [SuRowBits-1:0] place_row;
  logic [SuRowBits:0] map_row_q, map_count_q;
  logic [SuRowBits-1:0] slot;
  list_entry_t map_entry, own_q;
  logic [63:0] meta, meta_q;
  logic map_now;

  assign place_en = state_q == Map && go;
  assign place_row = odd_q ? record_i.ref_row : row_q[SuRowBits-1:0];

  fvgm_ram_1r1w #(
    .Width($bits(place_t)),
    .Depth(SuRows),
    .RamStyle("block")
  ) u_places (
    .clk_i,
    .wr_en_i(decided_q),
    .wr_addr_i(decided_row_q[SuRowBits-1:0]),
    .wr_data_i({step_q, window_q, slots_q[SuRowBits-1:0]}),
    .rd_en_i(place_en),
    .rd_addr_i(place_row),
    .rd_data_o(place)
  );

  assign record_en_o = reading;
  assign record_row_o = (odd_q && state_q == Windows) ? record_i.ref_row : row_q[SuRowBits-1:0];

  always_comb begin
    slot = place_q.window ? place.slot : place_q.slot;
    if (place_q.step) slot = '0;
    map_entry = '0;
    map_entry.row = map_row_q[SuRowBits-1:0];
    map_entry.slot = slot;
    map_entry.step = place_q.step;
    map_entry.age = place_q.step ? record_q.age : '0;
    meta = {28'b0, map_entry.age, record_q.norm};
  end

  assign map_now = second_q && (state_q == Map || state_q == MapEnd) && go;
  assign meta_odd = map_row_q[0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
      odd_q <= 1'b0;
      second_q <= 1'b0;
      product_q <= '0;
      decided_q <= 1'b0;
    end else begin
      unique case (state_q)
        Idle: if (start_i) state_q <= Windows;
        Windows: if (odd_q && last) state_q <= WindowsEnd;
        WindowsEnd: if (!second_q && product_q == '0 && !decided_q) state_q <= Map;
        Map: if (go && odd_q && last) state_q <= MapEnd;
        MapEnd: if (go && !second_q && !entry_q) state_q <= Kept;
        Kept: state_q <= Written;
        default: state_q <= Idle;
      endcase
      if (reading) odd_q <= !odd_q;
      if (state_q == Windows || state_q == WindowsEnd || go) second_q <= reading && odd_q;
      product_q <= {product_q[1:0], mul_valid_o};
      decided_q <= product_q[2];
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Idle || state_q == WindowsEnd) row_q <= '0;
    else if (reading && odd_q) row_q <= row_q + 11'd1;
    if (reading && odd_q) begin
      record_q <= record_i;
      place_q <= place;
    end

    pair_q[0] <= '{square: record_q.square, use_ref: record_q.use_ref,
                   dropped: record_q.dropped, ref_dropped: record_i.dropped};
    pair_q[2:1] <= pair_q[1:0];
    {step_q, window_q, kept_q} <= {is_step, is_window, kept};
    if (state_q == Idle) begin
      decided_row_q <= '0;
      slots_q <= '0;
      map_row_q <= '0;
      map_count_q <= '0;
    end else begin
      if (decided_q) decided_row_q <= decided_row_q + 11'd1;
      if (decided_q && kept_q) slots_q <= slots_q + 11'd1;
      if (map_now) map_row_q <= map_row_q + 11'd1;
      if (entry_q) map_count_q <= map_count_q + 11'd1;
    end
  end

  // The rest of the command and of the record is for others.
  logic unused;
  assign unused = ^{cmd_i[$bits(su_t)-1:326], cmd_i[269:250], cmd_i[229:4], cmd_i[1],
                    record_q.ref_row};

  // Writes.
  always_ff @(posedge clk_i) begin
    mb_valid_o <= (decided_q && kept_q) || map_now || entry_q;
    if (decided_q) begin
      mb_addr_o <= cmd_i.list_base + 16'(slots_q);
      mb_data_o <= 32'({slots_q[SuRowBits-1:0], decided_row_q[SuRowBits-1:0]});
    end else if (map_now) begin
      mb_addr_o <= cmd_i.map_base + 16'(map_row_q);
      mb_data_o <= map_entry;
    end else begin
      mb_addr_o <= cmd_i.write_base + 16'(map_count_q);
      mb_data_o <= own_q;
    end
    entry_q <= map_now && !place_q.step;
    own_q <= map_entry;

    if (wr_ready_i) wr_valid_o <= 1'b0;
    if (map_now && cmd_i.meta[0]) begin
      if (!meta_odd) meta_q <= meta;
      if (meta_odd || map_row_q + 11'd1 == rows_i) begin
        wr_valid_o <= 1'b1;
        wr_addr_o <= cmd_i.meta_base + 20'(map_row_q[SuRowBits-1:1]);
        wr_data_o <= meta_odd ? {meta, meta_q} : {64'b0, meta};
      end
    end
    if (!rst_ni) begin
      mb_valid_o <= 1'b0;
      entry_q <= 1'b0;
      wr_valid_o <= 1'b0;
    end
  end

  always_comb begin
    count_id_o = (state_q == Kept) ? cmd_i.count_kept : cmd_i.count_written;
    count_value_o = (state_q == Kept) ? slots_q : map_count_q;
    count_valid_o = (state_q == Kept || state_q == Written) && count_id_o != '0;
  end
  assign kept_valid_o = state_q == Kept;
  assign done_o = state_q == Written;

endmodule
