// Pass A behind the sums: is a row dropped by step (or the mask), and what the later passes need.
//
// The sums of a row come in order: norm, window, step, cached. A row takes five cycles of the
// multiplier (mul_*):
//   0  thr_step * norm     1  thr_window * norm   2  window^2   3  step^2   4  (0) * cached norm
// and is decided three cycles later, while the next one begins. row_done_o: the row's sums are
// taken; record_*: its record.
// With fill, the kept rows count modulo it; the last rows stay as soon as all of them are needed.
// Latency 8 cycles. Throughput: a row per 5 cycles. Errors: none.
module fvgm_su_decide
  import fvgm_isa_pkg::*;
  import fvgm_su_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic start_i,  // of a command
  input  su_t  cmd_i,
  input  logic reads_meta_i,
  input  logic [SuRowBits:0] rows_i,

  input  logic row_push_i,
  input  logic [SuRowBits-1:0] row_ref_i,
  input  logic row_use_i,
  input  logic meta_push_i,
  input  logic [127:0] meta_i,
  input  logic sum_push_i,
  input  logic sum_row_end_i,
  input  logic sum_keep_i,
  input  logic [31:0] sum_i,

  input  logic emit_i,           // the multiplier is for emit_a_i, emit_b_i
  input  logic [31:0] emit_a_i,
  input  logic [31:0] emit_b_i,
  output logic mul_valid_o,
  output logic [31:0] mul_a_o,
  output logic [31:0] mul_b_o,
  input  logic [31:0] mul_y_i,

  output logic row_done_o,
  output logic all_done_o,
  output logic record_valid_o,
  output logic [SuRowBits-1:0] record_row_o,
  output record_t record_o
);

  typedef struct packed {
    logic [31:0] norm;
    logic [3:0] age;
  } meta_t;

  typedef struct packed {
    logic [SuRowBits-1:0] ref_row;
    logic use_ref;
    logic keep;
    logic window_positive;
    logic step_positive;
    logic [31:0] norm;
    meta_t old;
  } tail_t;

  // The 40 lowest bits of a row's meta.
  function automatic meta_t old_of(logic [39:0] raw);
    return '{norm: raw[31:0], age: (raw[39:36] != '0) ? 4'd15 : raw[35:32]};
  endfunction

  logic [2:0] phase_q;
  logic [2:0] tail_q;        // cycles behind phase 4
  logic [3:0] ready_q;       // rows whose sums are all there
  logic begin_row, active;
  logic [SuRowBits:0] row_q, written_q;
  logic last_row;
  tail_t tail_d, tail_row_q;
  logic keep_q, window_positive_q, step_positive_q;
  logic [31:0] norm_q;
  logic [31:0] sum, step_bound_q, window_bound_q;
  logic [30:0] window_square_q, step_square_q;
  logic keep, pop_sum, use_ref, positive;
  logic [SuRowBits-1:0] ref_row;
  meta_t [1:0] meta;
  meta_t old;

  assign begin_row = phase_q == 3'd0 && ready_q != '0;
  assign active = begin_row || phase_q != 3'd0;
  assign row_done_o = phase_q == 3'd4;
  assign last_row = row_q + 11'd1 == rows_i;
  assign old = reads_meta_i ? meta[row_q[0]] : '0;
  assign positive = !sum[31] && sum[30:0] != '0;

  logic [2:0] unused_valid;  // who pops knows that a word is there

  fvgm_fifo #(
    .Width(33),
    .Depth(4 * SuInFlight)
  ) u_sums (
    .clk_i, .rst_ni,
    .push_i(sum_push_i), .data_i({sum_keep_i, sum_i}), .valid_o(unused_valid[0]),
    .pop_i(pop_sum), .data_o({keep, sum})
  );

  fvgm_fifo #(
    .Width(SuRowBits + 1),
    .Depth(2 * SuInFlight)
  ) u_rows (
    .clk_i, .rst_ni,
    .push_i(row_push_i), .data_i({row_ref_i, row_use_i}), .valid_o(unused_valid[1]),
    .pop_i(row_done_o), .data_o({ref_row, use_ref})
  );

  fvgm_fifo #(
    .Width(72),
    .Depth(SuInFlight)
  ) u_meta (
    .clk_i, .rst_ni,
    .push_i(meta_push_i), .data_i({old_of(meta_i[103:64]), old_of(meta_i[39:0])}),
    .valid_o(unused_valid[2]),
    .pop_i(row_done_o && reads_meta_i && (row_q[0] || last_row)), .data_o(meta)
  );

  always_comb begin
    mul_a_o = sum;
    mul_b_o = sum;
    pop_sum = 1'b0;
    unique case (phase_q)
      3'd0: mul_a_o = cmd_i.thr_step;
      3'd1: begin
        mul_a_o = cmd_i.thr_window;
        pop_sum = 1'b1;
      end
      3'd2: pop_sum = use_ref && !cmd_i.mask[0];
      3'd3: pop_sum = cmd_i.step[0];
      default: begin
        mul_a_o = step_bound_q;
        if (!cmd_i.c_int8[0]) mul_b_o = old.norm;
        pop_sum = cmd_i.step[0] && cmd_i.c_int8[0];
      end
    endcase
    if (emit_i) begin
      mul_a_o = emit_a_i;
      mul_b_o = emit_b_i;
    end
  end
  assign mul_valid_o = active;

  always_comb begin
    tail_d = '{ref_row: ref_row, use_ref: use_ref, keep: keep_q, norm: norm_q, old: old,
               window_positive: window_positive_q, step_positive: step_positive_q};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      phase_q <= '0;
      tail_q <= '0;
      ready_q <= '0;
    end else begin
      if (active) phase_q <= (phase_q == 3'd4) ? '0 : phase_q + 3'd1;
      tail_q <= {tail_q[1:0], row_done_o};
      ready_q <= ready_q + 4'(sum_push_i && sum_row_end_i) - 4'(begin_row);
    end
    if (start_i) begin
      row_q <= '0;
      written_q <= '0;
    end else begin
      if (row_done_o) row_q <= row_q + 11'd1;
      if (tail_q[2]) written_q <= written_q + 11'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (phase_q)
      3'd1: begin
        norm_q <= sum;
        keep_q <= keep;
      end
      3'd2: window_positive_q <= positive;
      3'd3: begin
        step_positive_q <= positive;
        step_bound_q <= mul_y_i;
      end
      3'd4: begin
        window_bound_q <= mul_y_i;
        tail_row_q <= tail_d;
      end
      default: ;
    endcase
    if (tail_q[0]) window_square_q <= mul_y_i[30:0];
    if (tail_q[1]) step_square_q <= mul_y_i[30:0];
  end

  // Rows that are kept to fill a tile of the array. The counts change at most every five cycles.
  logic [7:0] filled_q;  // kept rows modulo fill
  logic stays_q, by_step;

  always_ff @(posedge clk_i) begin
    stays_q <= filled_q != '0 && !cmd_i.window[0] &&
               rows_i - written_q <= 11'(cmd_i.fill - filled_q);
    if (start_i || cmd_i.fill == '0) filled_q <= '0;
    else if (tail_q[2] && !by_step)
      filled_q <= (filled_q + 8'd1 == cmd_i.fill) ? '0 : filled_q + 8'd1;
  end

  // Decision.
  logic similar, by_mask, old_stays;
  logic [3:0] age;

  assign similar = tail_row_q.step_positive && exceeds(step_square_q, mul_y_i);
  assign by_mask = cmd_i.mask[0] && !tail_row_q.keep;
  assign by_step = cmd_i.step[0] && age <= cmd_i.max_age && similar && !stays_q;
  assign old_stays = by_step || (by_mask && !cmd_i.window[0]);

  always_comb begin
    age = 4'd1;
    if (reads_meta_i) age = (tail_row_q.old.age == '1) ? 4'd15 : tail_row_q.old.age + 4'd1;
  end

  // The rest of the command and of meta is for others.
  logic unused;
  assign unused = ^{cmd_i[$bits(su_t)-1:334], cmd_i[325:230], cmd_i[161:5], cmd_i[3],
                    meta_i[127:104], meta_i[63:40]};

  assign all_done_o = written_q == rows_i;
  assign record_valid_o = tail_q[2];
  assign record_row_o = written_q[SuRowBits-1:0];
  assign record_o.norm = old_stays ? tail_row_q.old.norm : tail_row_q.norm;
  assign record_o.square = {!tail_row_q.window_positive, window_square_q};
  assign record_o.bound = window_bound_q;
  assign record_o.ref_row = tail_row_q.ref_row;
  assign record_o.use_ref = tail_row_q.use_ref;
  assign record_o.dropped = by_step || by_mask;
  assign record_o.age = age;

endmodule
