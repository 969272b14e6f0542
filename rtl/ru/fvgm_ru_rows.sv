// Commands to rows: reads a row's entry of mbuf ahead, finds its source, multiplies coef by its age.
//
// One row per cycle, also from one command to the next; every row on its way has a reserved place in
// the queue of RuRowDepth rows behind. Stages, counted from the read of mbuf: 2 the entry is there;
// 3 row or slot of y; 4 times y_step; 5 plus y_base, the row enters the queue. What a stage needs of
// the command travels with the row.
//
// Latency: a command's first row is seen 7 cycles after the command was taken. Errors: none.
module fvgm_ru_rows
  import fvgm_isa_pkg::*;
  import fvgm_ru_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  ru_t  cmd_i,

  output logic        mb_rd_valid_o,
  output logic [15:0] mb_rd_addr_o,
  input  logic [31:0] mb_rd_data_i,

  output logic    row_valid_o,
  input  logic    row_pop_i,
  output ru_row_t row_o
);

  localparam int unsigned CountBits = $clog2(RuRowDepth) + 1;

  // Command at hand, its addresses those of the next row.
  ru_t cmd_q;
  logic have_q, fire, last, take;
  logic [15:0] left_q;
  logic [14:0] pairs_q;
  logic [CountBits-1:0] free_q;

  assign last = left_q == 16'd1;
  assign fire = have_q && free_q != '0;
  assign cmd_ready_o = !have_q || (fire && last);
  assign take = cmd_valid_i && cmd_ready_o;
  assign mb_rd_valid_o = fire;
  assign mb_rd_addr_o = cmd_q.map_base;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      have_q <= 1'b0;
      free_q <= CountBits'(RuRowDepth);
    end else begin
      if (cmd_ready_o) have_q <= cmd_valid_i;
      free_q <= free_q - CountBits'(fire) + CountBits'(row_pop_i);
    end
    if (take) begin
      cmd_q <= cmd_i;
      left_q <= cmd_i.rows;
      pairs_q <= cmd_i.units[15:1] - 15'(!cmd_i.units[0]);
    end else if (fire) begin
      left_q <= left_q - 1'b1;
      cmd_q.map_base <= cmd_q.map_base + 1'b1;
      cmd_q.c1_base <= cmd_q.c1_base + cmd_q.c1_step;
      cmd_q.c2_base <= cmd_q.c2_base + cmd_q.c2_step;
      cmd_q.d_base <= cmd_q.d_base + cmd_q.d_step;
    end
  end

  // Stage 2: the entry
  logic [5:1] valid_q;
  logic gather2, extrapolate2, step2;
  logic [31:0] coef2;
  list_entry_t entry;

  fvgm_ru_delay #(
    .Width(34),
    .Stages(2)
  ) u_delay2 (
    .clk_i,
    .data_i({cmd_q.op == RuGather, cmd_q.extrapolate, cmd_q.coef}),
    .data_o({gather2, extrapolate2, coef2})
  );

  assign entry = mb_rd_data_i;
  assign step2 = entry.step[0] && !gather2;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[4:1], fire};
  end

  // Stages 3 to 5: place in y
  logic [9:0] index_q;
  logic [19:0] y_step3, y_base4, product_q, y_addr_q;

  fvgm_ru_delay #(
    .Width(20),
    .Stages(3)
  ) u_delay3 (
    .clk_i,
    .data_i(cmd_q.y_step),
    .data_o(y_step3)
  );

  fvgm_ru_delay #(
    .Width(20),
    .Stages(4)
  ) u_delay4 (
    .clk_i,
    .data_i(cmd_q.y_base),
    .data_o(y_base4)
  );

  always_ff @(posedge clk_i) begin
    index_q <= gather2 ? entry.row : entry.slot;
    product_q <= 20'(index_q) * y_step3;
    y_addr_q <= product_q + y_base4;
  end

  // Stages 2 to 5: coef * age
  logic k_valid;
  logic [31:0] k;

  fvgm_fp32_mul u_k (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q[2]),
    .a_i(coef2),
    .b_i(age_to_fp32(entry.age)),
    .valid_o(k_valid),
    .y_o(k)
  );

  // Stage 5: the row
  ru_row_t row;
  logic step5;
  logic [19:0] c1_addr5;

  fvgm_ru_delay #(
    .Width(2),
    .Stages(3)
  ) u_step (
    .clk_i,
    .data_i({step2, step2 && extrapolate2}),
    .data_o({step5, row.ext})
  );

  fvgm_ru_delay #(
    .Width(77),
    .Stages(5)
  ) u_delay5 (
    .clk_i,
    .data_i({last, cmd_q.units[0], pairs_q, cmd_q.c1_base, cmd_q.c2_base, cmd_q.d_base}),
    .data_o({row.last, row.odd, row.pairs, c1_addr5, row.other, row.d_addr})
  );

  assign row.addr = step5 ? c1_addr5 : y_addr_q;
  assign row.k = k;

  fvgm_fifo #(
    .Width($bits(ru_row_t)),
    .Depth(RuRowDepth)
  ) u_rows (
    .clk_i,
    .rst_ni,
    .push_i(valid_q[5]),
    .data_i(row),
    .valid_o(row_valid_o),
    .pop_i(row_pop_i),
    .data_o(row_o)
  );

  logic unused;
  assign unused = ^{cmd_q.reserved, cmd_q.rows, cmd_q.units[15:1], entry.reserved, k_valid};

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(NotEmpty, cmd_valid_i |-> cmd_i.rows != '0 && cmd_i.units != '0)

endmodule
