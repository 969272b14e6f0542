// Banked on-chip memory of 128-bit units with several read and write ports.
//
// Banks, write ports and what a read sees of writes: fvgm_buffer_banks.
//
// Read port p: rd_addr_i[p] names the first of ReadUnits units, which need not be aligned;
// rd_data_o[p][i] is unit rd_addr_i[p] + i * rd_stride_i[p], two cycles after the accepted request,
// and stays until the next data of this port. The units of a request must lie in different banks: an
// odd stride always does that (1: consecutive units). Ports that share a bank are served lowest
// index first, others in the same cycle. With Strided 0 every stride is 1 and rd_stride_i is ignored:
// the units of a read are the banks, rotated, which takes log4(Banks) levels of four-way multiplexers
// where any stride takes a multiplexer of Banks inputs per unit.
//
// Parameters: Units and Banks are powers of two, Banks >= ReadUnits; AddrBits is the width of the
// addresses at the ports (bits above Units are ignored); Narrow: write ports with unit 0 alone.
// Latency: read 2 cycles, write 0 (accepted is written).
// Throughput: ReadUnits per read port, WriteUnits per write port and cycle, less the bank
// conflicts.
module fvgm_buffer #(
  parameter int unsigned Units      = 2048,
  parameter int unsigned Banks      = 4,
  parameter int unsigned ReadUnits  = 2,
  parameter int unsigned ReadPorts  = 1,
  parameter int unsigned WriteUnits = 2,
  parameter int unsigned WritePorts = 1,
  parameter int unsigned AddrBits   = 20,
  parameter bit          Strided    = 1'b1,
  parameter bit [WritePorts-1:0] Narrow = '0
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic [ReadPorts-1:0]                     rd_valid_i,
  output logic [ReadPorts-1:0]                     rd_ready_o,
  input  logic [ReadPorts-1:0][AddrBits-1:0]       rd_addr_i,
  input  logic [ReadPorts-1:0][AddrBits-1:0]       rd_stride_i,
  output logic [ReadPorts-1:0][ReadUnits-1:0][127:0] rd_data_o,

  input  logic [WritePorts-1:0]                    wr_valid_i,
  output logic [WritePorts-1:0]                    wr_ready_o,
  input  logic [WritePorts-1:0][WriteUnits-1:0]    wr_mask_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][AddrBits-1:0] wr_addr_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][127:0] wr_data_i
);

  localparam int unsigned UnitBits = $clog2(Units);
  localparam int unsigned BankBits = $clog2(Banks);
  localparam int unsigned RowBits = UnitBits - BankBits;

  if (ReadUnits > Banks || ReadUnits < 1) begin : gen_illegal_read_units
    $error("fvgm_buffer: ReadUnits must be 1 to Banks");
  end

  // Reads: the banks that a port needs, and its row in each of them.
  logic [ReadPorts-1:0][Banks-1:0] rd_banks;
  logic [ReadPorts-1:0][Banks-1:0][RowBits-1:0] rd_rows;
  logic [ReadPorts-1:0] rd_take, rd_pending_q;
  logic [Banks-1:0] bank_re;
  logic [Banks-1:0][RowBits-1:0] bank_rd_row;
  logic [Banks-1:0][127:0] bank_rd_data;

  always_comb begin
    rd_ready_o = '1;
    rd_take = '0;
    for (int unsigned p = 0; p < ReadPorts; p++) begin
      for (int unsigned q = 0; q < p; q++) begin
        if (rd_take[q] && (rd_banks[p] & rd_banks[q]) != '0) rd_ready_o[p] = 1'b0;
      end
      rd_take[p] = rd_valid_i[p] && rd_ready_o[p];
    end
  end

  always_comb begin
    bank_re = '0;
    bank_rd_row = '0;
    for (int unsigned p = 0; p < ReadPorts; p++) begin
      if (rd_take[p]) begin
        bank_re = bank_re | rd_banks[p];
        for (int unsigned b = 0; b < Banks; b++) begin
          if (rd_banks[p][b]) bank_rd_row[b] = rd_rows[p][b];
        end
      end
    end
  end

  fvgm_buffer_banks #(
    .Units(Units),
    .Banks(Banks),
    .WriteUnits(WriteUnits),
    .WritePorts(WritePorts),
    .AddrBits(AddrBits),
    .Narrow(Narrow)
  ) u_banks (
    .clk_i,
    .rst_ni,
    .rd_en_i(bank_re),
    .rd_row_i(bank_rd_row),
    .rd_data_o(bank_rd_data),
    .wr_valid_i,
    .wr_ready_o,
    .wr_mask_i,
    .wr_addr_i,
    .wr_data_i
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) rd_pending_q <= '0;
    else rd_pending_q <= rd_take;
  end

  for (genvar p = 0; p < ReadPorts; p++) begin : gen_rd_port
    if (Strided) begin : gen_strided
      logic [ReadUnits-1:0][BankBits-1:0] bank, bank_q;
      logic [ReadUnits-1:0][RowBits-1:0] row;

      for (genvar i = 0; i < ReadUnits; i++) begin : gen_unit
        assign {row[i], bank[i]} = UnitBits'(rd_addr_i[p])
                                   + UnitBits'(i) * UnitBits'(rd_stride_i[p]);
      end

      always_comb begin
        rd_banks[p] = '0;
        rd_rows[p] = '0;
        for (int unsigned i = 0; i < ReadUnits; i++) begin
          rd_banks[p][bank[i]] = 1'b1;
          rd_rows[p][bank[i]] = row[i];
        end
      end

      always_ff @(posedge clk_i) begin
        if (rd_take[p]) bank_q <= bank;
        if (rd_pending_q[p]) begin
          for (int unsigned i = 0; i < ReadUnits; i++) begin
            rd_data_o[p][i] <= bank_rd_data[bank_q[i]];
          end
        end
      end
    end else begin : gen_consecutive
      localparam logic [Banks-1:0] Window = {Banks{1'b1}} >> (Banks - ReadUnits);
      logic [BankBits-1:0] bank, bank_q;
      logic [RowBits-1:0] row, next_row;
      logic [Banks-1:0] same_row;  // banks in which the row is that of the first unit
      logic [Banks-1:0][127:0] rotated;
      assign {row, bank} = UnitBits'(rd_addr_i[p]);

      always_comb begin
        next_row = row + 1'b1;
        same_row = {Banks{1'b1}} << bank;
        rd_banks[p] = (Window << bank) | (Window >> (Banks - 32'(bank)));
        for (int unsigned b = 0; b < Banks; b++) rd_rows[p][b] = same_row[b] ? row : next_row;
      end

      fvgm_rotate #(
        .Count(Banks),
        .Width(128)
      ) u_rotate (
        .first_i(bank_q),
        .data_i(bank_rd_data),
        .data_o(rotated)
      );

      always_ff @(posedge clk_i) begin
        if (rd_take[p]) bank_q <= bank;
        if (rd_pending_q[p]) rd_data_o[p] <= rotated[ReadUnits-1:0];
      end

      if (Banks > ReadUnits) begin : gen_unused
        logic unused_rotated;
        assign unused_rotated = ^rotated[Banks-1:ReadUnits];
      end
    end
  end

  if (AddrBits > UnitBits) begin : gen_unused
    logic unused_addr;
    always_comb begin
      unused_addr = 1'b0;
      for (int unsigned p = 0; p < ReadPorts; p++) begin
        unused_addr ^= ^{rd_addr_i[p][AddrBits-1:UnitBits], rd_stride_i[p][AddrBits-1:UnitBits]};
      end
    end
  end

  `include "fvgm_assert.svh"
  for (genvar p = 0; p < ReadPorts; p++) begin : gen_assert_rd
    `FVGM_ASSERT(UnitsInDifferentBanks, rd_valid_i[p] |-> $countones(rd_banks[p]) == ReadUnits)
  end

endmodule
