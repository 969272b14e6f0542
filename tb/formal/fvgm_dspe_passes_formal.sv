// Proof of fvgm_dspe_passes beside a ledger of the pairs of classes that a step wants and has had.
//
// For any stimulus, resets included: every pair of the step's classes is issued exactly once and no
// other is; pass_last comes with the last of them and with none before; the stages advance then,
// or when nothing is under way, and at no other time; a step takes as many cycles as it has pairs.
// Assumed: a valid step has at least one class of rows and one of columns (fvgm_dspe_align sees to
// it). Method: induction of depth 1, so unbounded.
//
// Cover = 1, 2, ...: the assertion says instead that an event cannot be; a counterexample shows
// that it can, within the assumptions. Inner = 0 leaves out the assertion on a register of the RTL,
// which only the induction needs.
module fvgm_dspe_passes_formal
  import fvgm_dspe_pkg::*;
#(
  parameter bit Inner = 1'b1,
  parameter int unsigned Cover = 0
) (
  input logic clk_i,
  input logic rst_ni,
  input logic valid_i,
  input logic [DspeClasses-1:0] row_classes_i,
  input logic [DspeClasses-1:0] col_classes_i
);

  typedef logic [DspeClasses-1:0][DspeClasses-1:0] pairs_t;

  logic advance, pass_valid, pass_last;
  logic [1:0] row_class, col_class;

  fvgm_dspe_passes dut (
    .clk_i,
    .rst_ni,
    .valid_i,
    .row_classes_i,
    .col_classes_i,
    .advance_o(advance),
    .pass_valid_o(pass_valid),
    .pass_last_o(pass_last),
    .row_class_o(row_class),
    .col_class_o(col_class)
  );

  // The step in stage 4: the pairs that it wants, those that it had in earlier cycles.
  pairs_t wanted_q, had_q, pairs, now;
  logic seen_reset_q, last_q;
  logic [3:0] cycles_q;

  initial seen_reset_q = 1'b0;

  always_comb begin
    pairs = '0;
    now = '0;
    for (int unsigned r = 0; r < DspeClasses; r++) begin
      for (int unsigned c = 0; c < DspeClasses; c++) begin
        pairs[r][c] = row_classes_i[r] && col_classes_i[c];
        now[r][c] = pass_valid && row_class == 2'(r) && col_class == 2'(c);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) seen_reset_q <= 1'b1;
    if (!rst_ni) wanted_q <= '0;
    else if (advance) wanted_q <= valid_i ? pairs : '0;
    if (!rst_ni || advance) had_q <= '0;
    else had_q <= had_q | now;
    last_q <= rst_ni && pass_last;
    if (!rst_ni || advance) cycles_q <= '0;
    else cycles_q <= cycles_q + 4'd1;
  end

  always_comb begin
    if (valid_i) begin
      assume (row_classes_i != '0);
      assume (col_classes_i != '0);
    end
  end

  if (Cover == 0) begin : g_proof
    always_comb begin
      if (seen_reset_q) begin
        assert (32'(cycles_q) == $countones(had_q));
        assert (cycles_q <= 4'd8);
        assert ((had_q & ~wanted_q) == '0);
        assert (pass_valid == (wanted_q != '0));
        if (pass_valid) begin
          assert ($countones(now) == 1);
          assert ((now & wanted_q) == now);
          assert ((now & had_q) == '0);
        end
        assert (pass_last == (pass_valid && (had_q | now) == wanted_q));
        assert (advance == (!pass_valid || pass_last));
        // What makes it inductive.
        if (Inner) assert (dut.todo_q == (wanted_q & ~had_q));
      end
    end
  end else begin : g_cover
    logic happens;

    always_comb begin
      case (Cover)
        1: happens = had_q == 9'h0FF && pass_last;             // all nine pairs
        2: happens = pass_last && last_q;                      // no cycle between steps
        3: happens = pass_last && wanted_q == 9'b101_000_101;  // classes with a gap
        default: happens = 1'b0;
      endcase
      if (seen_reset_q) assert (!happens);
    end
  end

endmodule
