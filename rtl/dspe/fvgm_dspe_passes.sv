// Sequencer of the passes of a step of DSP-E chains.
//
// A step whose lines have operands in several classes (fvgm_dspe_align) takes one pass for every
// pair of a class of rows and a class of columns that may hold operands; nearly all steps take one.
// valid_i, row_classes_i and col_classes_i belong to the step that stage 4 of the lines takes at the
// next advance (all lines ORed). advance_o: the stages move; it is 0 while the step in stage 4 has
// more passes to come. pass_valid_o with row_class_o, col_class_o: the pass that stage 5 takes in
// this cycle; pass_last_o: it is the step's last one. INT8 steps have class 0 alone.
// Latency: none. Errors: none.
module fvgm_dspe_passes
  import fvgm_dspe_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,
  input  logic valid_i,
  input  logic [DspeClasses-1:0] row_classes_i,
  input  logic [DspeClasses-1:0] col_classes_i,
  output logic advance_o,
  output logic pass_valid_o,
  output logic pass_last_o,
  output logic [1:0] row_class_o,
  output logic [1:0] col_class_o
);

  logic [DspeClasses-1:0][DspeClasses-1:0] todo_d, todo_q, rest;

  // One bit per pair; the lowest goes first.
  assign rest = todo_q & (todo_q - 1'b1);
  assign pass_valid_o = todo_q != '0;
  assign pass_last_o = pass_valid_o && rest == '0;
  assign advance_o = rest == '0;

  always_comb begin
    row_class_o = '0;
    col_class_o = '0;
    for (int unsigned r = 0; r < DspeClasses; r++) begin
      for (int unsigned c = 0; c < DspeClasses; c++) begin
        if (todo_q[r][c] && !rest[r][c]) begin
          row_class_o |= 2'(r);
          col_class_o |= 2'(c);
        end
      end
    end
    todo_d = '0;
    for (int unsigned r = 0; r < DspeClasses; r++) begin
      if (valid_i && row_classes_i[r]) todo_d[r] = col_classes_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) todo_q <= '0;
    else todo_q <= advance_o ? todo_d : rest;
  end

endmodule
